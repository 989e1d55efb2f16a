// Asynchronous functions in a whole source: completions on other threads, late ones, ones that
// outlive everything.
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

constexpr int records = 400;
constexpr int keys = 20;

/// Threads that fulfil completions, the newest first.
class answering_threads {
public:
  explicit answering_threads(int count) {
    for (int i = 0; i < count; ++i)
      threads_.emplace_back([this] { work(); });
  }

  ~answering_threads() {
    {
      std::lock_guard guard{mutex_};
      stopped_ = true;
    }
    changed_.notify_all();
    for (auto& each : threads_)
      each.join();
  }

  void take(std::function<void()> answer) {
    {
      std::lock_guard guard{mutex_};
      open_.push_back(std::move(answer));
    }
    changed_.notify_one();
  }

private:
  void work() {
    for (std::unique_lock lock{mutex_};;) {
      changed_.wait(lock, [this] { return stopped_ || !open_.empty(); });
      if (open_.empty())
        return;
      auto answer = std::move(open_.back());
      open_.pop_back();
      lock.unlock();
      answer();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> open_;
  std::vector<std::thread> threads_;
  bool stopped_ = false;
};

/// Completions that the test keeps. Any thread.
class kept_completions {
public:
  void keep(completion<int> done) {
    std::lock_guard guard{mutex_};
    kept_.push_back(std::move(done));
  }

  size_t count() {
    std::lock_guard guard{mutex_};
    return kept_.size();
  }

  /// Takes all that are kept.
  std::vector<completion<int>> take() {
    std::lock_guard guard{mutex_};
    return std::exchange(kept_, {});
  }

private:
  std::mutex mutex_;
  std::vector<completion<int>> kept_;
};

bool gets_out(event_source<>& source, uint64_t count) {
  return eventually([&] {
    std::this_thread::yield();
    return source.state().out == count;
  });
}

} // namespace

TEST_CASE("I3: an asynchronous stage keeps each key in order while many calls are under way") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(4);
    auto out = broker.new_topic(4);
    send(broker, keyed(in, records, keys));
    answering_threads threads{3};
    std::array<std::atomic<int>, keys> of_key{};
    std::atomic<int> running = 0;
    std::atomic<bool> overlapped = false;
    std::atomic<bool> too_many = false;
    std::atomic<bool> wrong = false; // Catch's CHECK is for one thread, finalizers are on several
    event_source<> source{with.system, with.config(in)};
    auto begin = [&](std::string_view key, int& number, completion<int> done) {
      auto& own = of_key[static_cast<size_t>(std::stoi(std::string{key.substr(1)}))];
      overlapped = overlapped || own.fetch_add(1) != 0;
      too_many = too_many || ++running > 8;
      auto kept = std::make_shared<completion<int>>(std::move(done));
      threads.take([&, kept] { // own and number are valid until the completion is fulfilled
        --running;
        --own;
        (*kept)(2 * number);
      });
    };
    auto stage = source.stage<int, int>(
      "call", async(begin),
      [out, &wrong](context<>& ctx, std::string_view, int& number, caf::expected<int> twice) {
        wrong = wrong || *twice != 2 * number;
        auto& rec = ctx.input();
        ctx.forward({.topic = out, .key = std::string{rec.key}, .value = std::string{rec.value}});
        return complete;
      },
      {.concurrency = 8});
    source.on_default([stage](context<>& ctx, const record& rec) {
      return stage.schedule(ctx, rec.key, std::stoi(std::string{rec.value}));
    });
    require_ok(source.start());
    REQUIRE(gets_out(source, records));
    source.stop();
    CHECK(source.state().errors.empty());
    CHECK_FALSE(wrong);
    CHECK_FALSE(overlapped);
    CHECK_FALSE(too_many);
    for (auto& [key, values] : by_key(with.read_back(out, records)))
      for (size_t i = 0; i < values.size(); ++i)
        CHECK(values[i] == std::to_string(i));
  });
}

TEST_CASE("a completion that comes after the timeout is dropped and counted, its key had gone on") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, keyed(in, 6, 2));
  kept_completions late;
  std::map<std::string, std::vector<std::string>> finalized; // one partition: one thread
  event_source<> source{with.system, with.config(in)};
  auto begin = [&](std::string_view, int& number, completion<int> done) {
    if (number == 0)
      late.keep(std::move(done));
    else
      done(number);
  };
  auto stage = source.stage<int, int>(
    "call", async(begin),
    [&](context<>&, std::string_view key, int&, caf::expected<int> result) {
      finalized[std::string{key}].push_back(result ? std::to_string(*result)
                                                   : to_string(result.error()));
      return complete;
    },
    {.timeout = 50ms});
  source.on_default([stage](context<>& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, std::stoi(std::string{rec.value}));
  });
  require_ok(source.start());
  REQUIRE(gets_out(source, 6));
  CHECK(source.state().stages[0].timed_out == 2);
  CHECK(source.state().stages[0].late_answers == 0);
  for (auto& done : late.take())
    CHECK(done(1)); // it cannot know
  CHECK(eventually([&] { return source.state().stages[0].late_answers == 2; }));
  source.stop();
  for (auto& [key, results] : finalized) { // I5: one finalizer a job
    REQUIRE(results.size() == 3);
    CHECK(results[0].find("timed_out") != std::string::npos);
    CHECK(results[1] == "1");
    CHECK(results[2] == "2");
  }
  CHECK(finalized.size() == 2);
}

TEST_CASE("a dropped completion stops its partition with stage, key, partition and offset") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, {{.topic = in, .key = "a", .value = "0"}, {.topic = in, .key = "b", .value = "1"}});
  event_source<> source{with.system, with.config(in)};
  auto begin = [](std::string_view, int& number, completion<int> done) {
    if (number == 0)
      done(0);
  };
  auto stage = source.stage<int, int>("call", async(begin));
  source.on_default([stage](context<>& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, std::stoi(std::string{rec.value}));
  });
  require_ok(source.start());
  REQUIRE(eventually([&] { return !source.state().errors.empty(); }));
  auto error = source.state().errors.front();
  INFO(error);
  for (auto* part : {"partition 0", "offset 1", "key 'b'", "stage 'call'", "was dropped"})
    CHECK(error.find(part) != std::string::npos);
  source.stop();
}

TEST_CASE("I6: completions of a partition that was given up are harmless, on any thread") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(2);
  std::vector<outgoing_record> input;
  for (int i = 0; i < 200; ++i)
    input.push_back(
      {.topic = in, .key = "k" + std::to_string(i), .value = "1", .partition = i % 2});
  send(broker, input);
  kept_completions kept;
  std::atomic<bool> answer_at_once = false;
  auto define = [&](event_source<>& source) {
    auto begin = [&](std::string_view, int& number, completion<int> done) {
      if (answer_at_once)
        done(number);
      else
        kept.keep(std::move(done));
    };
    auto stage = source.stage<int, int>("call", async(begin), {.concurrency = 200});
    source.on_default(
      [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  };
  auto cfg = with.config(in);
  cfg.drain_deadline = 0ms;
  event_source<> first{with.system, cfg};
  define(first);
  require_ok(first.start());
  REQUIRE(eventually([&] { return kept.count() == 200; }));
  event_source<> second{with.system, cfg};
  define(second);
  answer_at_once = true;
  require_ok(second.start());
  REQUIRE(gets_out(second, 100)); // one partition went over, with its calls under way
  {
    answering_threads threads{3};
    for (auto& done : kept.take()) {
      auto shared = std::make_shared<completion<int>>(std::move(done));
      threads.take([shared] { (*shared)(1); });
    }
  }
  CHECK(gets_out(first, 100)); // those of the partition it kept
  second.stop();
  first.stop();
  CHECK(first.state().errors.empty());
  CHECK(second.state().errors.empty());
}

TEST_CASE("I9: a stop does not wait for calls beyond its deadline; completions may outlive source "
          "and actor system") {
  auto broker = test_broker::embedded();
  kept_completions kept;
  {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, keyed(in, 50, 50));
    auto cfg = with.config(in);
    cfg.stop_deadline = 0ms;
    event_source<> source{with.system, cfg};
    auto begin = [&](std::string_view, int&, completion<int> done) { kept.keep(std::move(done)); };
    auto stage = source.stage<int, int>("call", async(begin), {.concurrency = 50});
    source.on_default(
      [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
    require_ok(source.start());
    REQUIRE(eventually([&] { return kept.count() == 50; }));
    source.stop();
    auto some = kept.take();
    while (some.size() > 25)
      some.pop_back(); // dropped
    for (auto& done : some)
      done(1);
    CHECK(source.state().out == 0);
  }
  kept.take(); // dropped, long after everything else
}
