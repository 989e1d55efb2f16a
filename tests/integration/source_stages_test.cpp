// What stages promise, with everything real around them: modes, limits that change while running,
// passes, work done by hand.
#include "tests/integration/source_fixture.hpp"
#include "tests/integration/test_messages.hpp"

#include <keyloom/handler_actor.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

outcome forward_value(context<>& ctx, const std::string& out) {
  auto& rec = ctx.input();
  ctx.forward({.topic = out, .key = std::string{rec.key}, .value = std::string{rec.value}});
  return complete;
}

/// Waits until `count` records are out.
bool get_out(event_source<>& source, uint64_t count) {
  return eventually([&] {
    std::this_thread::yield();
    return source.state().out == count;
  });
}

/// Every key's numbers from 0 on, in order, nothing missing or twice.
void require_key_order(const std::vector<record>& out, size_t keys, size_t each) {
  auto sorted = by_key(out);
  REQUIRE(sorted.size() == keys);
  for (auto& [key, values] : sorted) {
    INFO("key " << key);
    REQUIRE(values.size() == each);
    for (size_t i = 0; i < values.size(); ++i)
      REQUIRE(values[i] == std::to_string(i));
  }
}

/// Counts what is inside and notes the most that ever was.
class turnstile {
public:
  int enter() {
    std::lock_guard guard{mutex_};
    most_ = std::max(most_, ++inside_);
    return inside_;
  }

  void leave() {
    std::lock_guard guard{mutex_};
    --inside_;
  }

  int most() const {
    std::lock_guard guard{mutex_};
    return most_;
  }

private:
  mutable std::mutex mutex_;
  int inside_ = 0; // guarded by mutex_, as all below
  int most_ = 0;
};

/// Where calls wait until the test lets them go on, one by one.
class barrier {
public:
  /// A call comes in; it waits for its turn to leave.
  void pass_through() {
    std::unique_lock lock{mutex_};
    come_in();
    changed_.wait(lock, [this] { return may_leave_ > 0; });
    --may_leave_;
    --inside_;
    changed_.notify_all();
  }

  /// For calls that do not wait: one comes in, or leaves.
  void enter() {
    std::lock_guard guard{mutex_};
    come_in();
    changed_.notify_all();
  }
  void leave() {
    std::lock_guard guard{mutex_};
    --inside_;
    changed_.notify_all();
  }

  /// From now on no call may come in when so many are inside.
  void allow(int most) {
    std::lock_guard guard{mutex_};
    allowed_ = most;
  }

  void let_go(int count) {
    std::lock_guard guard{mutex_};
    may_leave_ += count;
    changed_.notify_all();
  }

  /// False when patience is over.
  bool wait_for(int inside) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [&] { return inside_ == inside && may_leave_ == 0; });
  }

  bool overfull() {
    std::lock_guard guard{mutex_};
    return overfull_;
  }

private:
  void come_in() {
    overfull_ = overfull_ || inside_ >= allowed_;
    ++inside_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0; // guarded by mutex_, as all below
  int may_leave_ = 0;
  int allowed_ = INT32_MAX;
  bool overfull_ = false;
};

/// A handler actor that answers when told to.
struct patient_state {
  explicit patient_state(caf::event_based_actor* self, barrier* calls)
    : self_(self), calls_(calls) {}

  caf::behavior make_behavior() {
    return {
      [this](const std::string&, const question& asked) -> caf::result<int> {
        calls_->enter();
        if (at_once_) {
          calls_->leave();
          return asked.number;
        }
        auto answer = self_->make_response_promise<int>();
        open_.emplace_back(answer, asked.number);
        return answer;
      },
      [this](int count) { // answers so many; -1: all, from now on
        at_once_ = count < 0;
        for (; count != 0 && !open_.empty(); --count) {
          calls_->leave();
          open_.front().first.deliver(open_.front().second);
          open_.pop_front();
        }
      },
    };
  }

private:
  caf::event_based_actor* self_;
  barrier* calls_;
  bool at_once_ = false;
  std::deque<std::pair<caf::typed_response_promise<int>, int>> open_;
};

} // namespace

TEST_CASE("I7: outputs keep their order in every mode of every kind of processor") {
  auto mode = GENERATE(stage_mode::by_key, stage_mode::by_partition, stage_mode::unordered);
  auto kind = GENERATE(0, 1, 2);
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(2);
  auto out = broker.new_topic(2);
  send(broker, keyed(in, 300, 6));
  event_source<> source{with.system, with.config(in)};
  stage_options how{.limits = {.concurrency = 8}, .mode = mode};
  auto finish = [out](context<>& ctx, std::string_view, question&, caf::expected<int> answer) {
    return answer ? forward_value(ctx, out) : outcome{answer.error()};
  };
  auto call = [](std::string_view, question& q) { return q.number; };
  auto make_echo = [](caf::actor_system& system) {
    return system.spawn([](caf::event_based_actor*) -> caf::behavior {
      return {[](const std::string&, const question& q) { return q.number; }};
    });
  };
  auto stage = kind == 0 ? source.stage<question, int>("echo", blocking(call), finish, how)
               : kind == 1
                 ? source.stage<question, int>("echo", compute(call), finish, how)
                 : source.stage<question, int>("echo", shared_actor(make_echo), finish, how);
  source.on_default([stage](context<>& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, question{1, std::string{rec.key}});
  });
  require_ok(source.start());
  REQUIRE(get_out(source, 300));
  source.stop();
  CHECK(source.state().errors.empty());
  require_key_order(with.read_back(out, 300), 6, 50);
}

TEST_CASE("I3: by_partition, one call of the stage at a time in each partition") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    send(broker, keyed(in, 200, 10));
    event_source<> source{with.system, with.config(in)};
    struct job {
      int32_t partition;
      int64_t offset;
    };
    turnstile of_partition[2];
    turnstile all;
    std::atomic<int64_t> last[2] = {-1, -1};
    std::atomic<bool> out_of_order = false;
    auto call = [&](std::string_view, job& j) {
      auto& own = of_partition[j.partition];
      own.enter();
      all.enter();
      out_of_order = out_of_order || last[j.partition].exchange(j.offset) >= j.offset;
      std::this_thread::sleep_for(100us); // the slow call
      all.leave();
      own.leave();
    };
    auto stage = source.stage<job, void>(
      "slow", blocking(call), {.limits = {.concurrency = 16}, .mode = stage_mode::by_partition});
    source.on_default([stage](context<>& ctx, const record& rec) {
      return stage.schedule(ctx, rec.key, job{ctx.partition(), ctx.offset()});
    });
    require_ok(source.start());
    REQUIRE(get_out(source, 200));
    source.stop();
    CHECK(of_partition[0].most() == 1);
    CHECK(of_partition[1].most() == 1);
    CHECK(all.most() <= 2);
    CHECK_FALSE(out_of_order);
  });
}

TEST_CASE("a blocking stage whose concurrency changes while it runs: more at once, less in time") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(2);
  send(broker, keyed(in, 40, 20));
  event_source<> source{with.system, with.config(in)};
  barrier calls;
  auto stage = source.stage<int, void>(
    "slow", blocking([&](std::string_view, int&) { calls.pass_through(); }), {.concurrency = 2});
  source.on_default(
    [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  require_ok(source.set_limits(stage, {.concurrency = 1})); // before it runs
  require_ok(source.start());
  REQUIRE(calls.wait_for(1));
  require_ok(source.set_limits(stage, {.concurrency = 5}));
  REQUIRE(calls.wait_for(5)); // though no call has returned
  calls.allow(2);
  require_ok(source.set_limits(stage, {.concurrency = 2}));
  calls.let_go(3);
  REQUIRE(calls.wait_for(2));
  calls.let_go(37);
  REQUIRE(get_out(source, 40));
  CHECK_FALSE(calls.overfull());
  CHECK(source.set_limits(stage, {.concurrency = 0}) == errc::bad_config);
  source.stop();
  require_ok(source.set_limits(stage, {.concurrency = 3})); // for the next start
}

TEST_CASE("a handler actor's requests change with the limits while it runs, in both directions") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(2);
  send(broker, keyed(in, 40, 20));
  barrier calls;
  event_source<> source{with.system, with.config(in)};
  std::mutex mutex;
  caf::actor handler;
  auto make = [&](caf::actor_system& system) {
    std::lock_guard guard{mutex};
    handler = system.spawn<caf::stateful_actor<patient_state>>(&calls);
    return handler;
  };
  auto answer = [&](int count) {
    std::lock_guard guard{mutex};
    caf::anon_send(handler, count);
  };
  auto stage = source.stage<question, int>("ask", shared_actor(make), {.concurrency = 1});
  source.on_default([stage](context<>& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, question{1, std::string{rec.key}});
  });
  require_ok(source.start());
  REQUIRE(calls.wait_for(1));
  require_ok(source.set_limits(stage, {.concurrency = 5}));
  REQUIRE(calls.wait_for(5));
  calls.allow(2);
  require_ok(source.set_limits(stage, {.concurrency = 2}));
  answer(3);
  REQUIRE(calls.wait_for(2));
  for (int i = 0; i < 5; ++i) {
    answer(1);
    REQUIRE(calls.wait_for(2));
  }
  CHECK_FALSE(calls.overfull());
  answer(-1);
  REQUIRE(get_out(source, 40));
  source.stop();
  handler = nullptr;
}

TEST_CASE("raised limits of waiting jobs and keys let records in while every call still runs") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, keyed(in, 20, 20));
  event_source<> source{with.system, with.config(in)};
  barrier calls;
  std::atomic<int> handled = 0;
  auto stage = source.stage<int, void>("slow", blocking([&](std::string_view, int&) {
                                         calls.pass_through();
                                       }),
                                       {.concurrency = 1, .waiting_per_worker = 1});
  source.on_default([&, stage](context<>& ctx, const record& rec) {
    ++handled;
    return stage.schedule(ctx, rec.key, 1);
  });
  require_ok(source.start());
  REQUIRE(calls.wait_for(1));
  REQUIRE(eventually([&] { return handled == 2; }));
  require_ok(
    source.set_limits(stage, {.concurrency = 1, .waiting_per_worker = 100, .concurrent_keys = 7}));
  REQUIRE(eventually([&] { return handled == 7; }));
  require_ok(source.set_limits(stage, {.concurrency = 1, .waiting_per_worker = 100}));
  REQUIRE(eventually([&] { return handled == 20; }));
  calls.let_go(20);
  REQUIRE(get_out(source, 20));
  source.stop();
}

TEST_CASE("a pass takes no worker's time and no handler actor's request") {
  auto with_actor = GENERATE(true, false);
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, {{.topic = in, .key = "busy", .value = "job"},
                {.topic = in, .key = "free", .value = "pass"},
                {.topic = in, .key = "busy", .value = "pass"}});
  barrier calls;
  auto cfg = with.config(in);
  cfg.output_order = output_order::none;
  event_source<> source{with.system, cfg};
  std::mutex mutex;
  caf::actor handler;
  auto make = [&](caf::actor_system& system) {
    std::lock_guard guard{mutex};
    handler = system.spawn<caf::stateful_actor<patient_state>>(&calls);
    return handler;
  };
  auto call = [&](std::string_view, question& q) {
    calls.pass_through();
    return q.number;
  };
  stage_limits one_at_a_time{.concurrency = 1};
  auto stage = with_actor ? source.stage<question, int>("work", shared_actor(make), one_at_a_time)
                          : source.stage<question, int>("work", blocking(call), one_at_a_time);
  source.on_default([stage](context<>& ctx, const record& rec) {
    return rec.value == "pass" ? stage.pass(ctx, rec.key)
                               : stage.schedule(ctx, rec.key, question{1});
  });
  require_ok(source.start());
  REQUIRE(calls.wait_for(1));
  REQUIRE(get_out(source, 1)); // the free key's, while the only worker or request is taken
  if (with_actor)
    caf::anon_send(handler, 1);
  else
    calls.let_go(1);
  REQUIRE(get_out(source, 3));
  source.stop();
  handler = nullptr;
}

TEST_CASE("I1: work done by hand on other threads is committed in order, whatever is done first") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    auto out = broker.new_topic(2);
    send(broker, keyed(in, 200, 5));
    std::mutex mutex;
    std::vector<job_completion> open;
    event_source<> source{with.system, with.config(in)};
    source.on_default([&](context<>& ctx, const record&) {
      std::lock_guard guard{mutex};
      open.push_back(
        ctx.job_complete([out](context<>& later) { return forward_value(later, out); }));
      return incomplete;
    });
    require_ok(source.start());
    std::atomic<bool> ended = false;
    auto complete_last_ones_first = [&] {
      while (!ended) {
        std::optional<job_completion> mine;
        {
          std::lock_guard guard{mutex};
          if (!open.empty()) {
            mine = open.back();
            open.pop_back();
          }
        }
        if (mine)
          (*mine)();
        else
          std::this_thread::yield();
      }
    };
    std::thread one{complete_last_ones_first};
    std::thread two{complete_last_ones_first};
    auto all_out = get_out(source, 200);
    ended = true;
    one.join();
    two.join();
    REQUIRE(all_out);
    source.stop();
    int64_t committed = 0;
    for (auto offset : with.committed(in))
      committed += std::max<int64_t>(offset, 0);
    CHECK(committed == 200);
    require_key_order(with.read_back(out, 200), 5, 40);
  });
}

TEST_CASE("I6: completions may be called while their source stops, and when it is gone") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(2);
  send(broker, keyed(in, 100, 5));
  std::mutex mutex;
  std::vector<job_completion> open;
  std::atomic<bool> ended = false;
  std::atomic<size_t> called = 0;
  auto cfg = with.config(in);
  cfg.stop_deadline = 50ms; // most of them are never called before
  auto source = std::make_unique<event_source<>>(with.system, cfg);
  source->on_default([&](context<>& ctx, const record&) {
    std::lock_guard guard{mutex};
    open.push_back(ctx.job_complete([](context<>&) { return complete; }));
    return incomplete;
  });
  require_ok(source->start());
  REQUIRE(eventually([&] {
    std::lock_guard guard{mutex};
    return open.size() == 100;
  }));
  std::atomic<int> refused = 0;
  std::thread calling{[&] {
    for (auto& each : open) {
      refused += each() ? 0 : 1;
      ++called;
      std::this_thread::sleep_for(1ms); // so that it goes on while the source stops
    }
  }};
  REQUIRE(eventually([&] { return called > 10; }));
  source->stop();
  source = nullptr;
  calling.join();
  CHECK(refused == 0);
  for (auto& each : open)
    REQUIRE(each.complete() == errc::wrong_state);
}
