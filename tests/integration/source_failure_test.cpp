// The failure policy in a whole source: calls that are made again, and dead letters at a broker.
#include "tests/integration/source_fixture.hpp"
#include "tests/integration/test_messages.hpp"

#include <keyloom/handler_actor.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

using strings = std::vector<std::string>;

/// A moment between two calls, without jitter.
retry_policy some_times(uint32_t times) {
  return {.times = times, .backoff = 2ms, .max_backoff = 5ms, .jitter = 0};
}

bool gets_out(event_source<>& source, uint64_t count) {
  return eventually([&] {
    std::this_thread::yield();
    return source.state().out == count;
  });
}

/// Each job has so many calls that fail, which its record's value says.
struct trying_job {
  std::string value;
  int failing = 0;
};

outcome forward_value(context<>& ctx, std::string_view key, const std::string& topic,
                      const std::string& value) {
  ctx.forward({.topic = topic, .key = std::string{key}, .value = value});
  return complete;
}

/// Throws at the first request it gets, as a process that has to warm up.
caf::behavior dying(caf::event_based_actor*, const std::shared_ptr<std::atomic<int>>& made) {
  auto number = ++*made;
  return {
    [number](const std::string&, const question& asked) {
      if (asked.number == 0 && number < 4)
        throw std::runtime_error{"not yet"};
      return asked.number;
    },
  };
}

} // namespace

TEST_CASE(
  "I3, I5: jobs that fail are called again in each kind of stage, and keys keep their order") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    auto out = broker.new_topic(2);
    constexpr int count = 120;
    send(broker, keyed(in, count, 6));
    auto kind = GENERATE(0, 1, 2, 3);
    auto cfg = with.config(in);
    cfg.retry = some_times(3);
    event_source<> source{with.system, cfg};
    auto call = [](std::string_view, trying_job& job) -> caf::expected<int> {
      if (job.failing-- > 0)
        return caf::make_error(errc::processor_failed, "not yet");
      return 1;
    };
    std::atomic<int> finalized = 0;
    auto finish = [&](context<>& ctx, std::string_view key, trying_job& job,
                      caf::expected<int> result) {
      ++finalized;
      return result ? forward_value(ctx, key, out, job.value) : outcome{result.error()};
    };
    auto by_completion = [call](std::string_view key, trying_job& job, completion<int> done) {
      if (auto result = call(key, job))
        done(*result);
      else
        done(result.error());
    };
    auto all = by_run([call](std::string_view key, std::span<trying_job* const> jobs) {
      std::vector<caf::expected<int>> results;
      for (auto* job : jobs)
        results.push_back(call(key, *job));
      return results;
    });
    auto stage = kind == 0   ? source.stage<trying_job, int>("work", blocking(call), finish)
                 : kind == 1 ? source.stage<trying_job, int>("work", compute(call), finish)
                 : kind == 2 ? source.stage<trying_job, int>("work", async(by_completion), finish)
                             : source.stage<trying_job, int>("work", blocking(all), finish);
    source.on_default([stage](context<>& ctx, const record& rec) {
      std::string value{rec.value};
      auto failing = std::stoi(value) % 4;
      return stage.schedule(ctx, rec.key, trying_job{std::move(value), failing});
    });
    require_ok(source.start());
    REQUIRE(gets_out(source, count));
    source.stop();
    CHECK(finalized == count);
    auto state = source.state();
    CHECK(state.errors.empty());
    CHECK(state.retries == count * 3 / 2); // 0, 1, 2, 3 calls more, in turn
    CHECK(state.parked == 0);
    for (auto& [key, values] : by_key(with.read_back(out, count))) {
      INFO(key);
      strings expected;
      for (int i = 0; i < count / 6; ++i)
        expected.push_back(std::to_string(i));
      CHECK(values == expected);
    }
  });
}

TEST_CASE("I3: a blocking call that takes too long is made again once it has returned") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, keyed(in, 3, 1));
    std::atomic<bool> go_on = false;
    std::atomic<int> running = 0;
    std::atomic<int> most = 0;
    std::atomic<int> calls = 0;
    event_source<> source{with.system, with.config(in)};
    auto call = [&](std::string_view, int&) {
      most = std::max(most.load(), ++running);
      if (++calls == 1)
        go_on.wait(false);
      --running;
      return 1;
    };
    std::atomic<int> errors = 0;
    auto finish = [&](context<>&, std::string_view, int&, caf::expected<int> result) {
      errors += result ? 0 : 1;
      return complete;
    };
    auto stage = source.stage<int, int>("work", blocking(call), finish,
                                        {.timeout = 20ms, .retry = some_times(1)});
    source.on_default(
      [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 0); });
    require_ok(source.start());
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return source.state().stages[0].timed_out == 1;
    }));
    CHECK(calls == 1);
    go_on = true;
    go_on.notify_all();
    REQUIRE(gets_out(source, 3));
    source.stop();
    CHECK(calls == 4);
    CHECK(most == 1);
    CHECK(errors == 0);
  });
}

TEST_CASE("a job whose handler actor died twice is asked for again, by the policy of its stage") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, keyed(in, 3, 3));
    auto made = std::make_shared<std::atomic<int>>(0);
    event_source<> source{with.system, with.config(in)};
    std::atomic<int> errors = 0;
    auto finish = [&](context<>&, std::string_view, question&, caf::expected<int> result) {
      errors += result ? 0 : 1;
      return complete;
    };
    auto stage = source.stage<question, int>("ask", shared_actor([made](caf::actor_system& sys) {
                                               return sys.spawn(dying, made);
                                             }),
                                             finish, {.retry = some_times(5)});
    source.on_default([stage](context<>& ctx, const record& rec) {
      question asked;
      asked.number = rec.key == "k0" ? 0 : 7;
      return stage.schedule(ctx, rec.key, std::move(asked));
    });
    require_ok(source.start());
    REQUIRE(gets_out(source, 3));
    source.stop();
    CHECK(errors == 0);
    CHECK(source.state().retries == 1); // it died three times: two of a call, one of the next
    CHECK(*made == 4);
  });
}

TEST_CASE("I12: what fails for good goes to the dead-letter topic as it was, the rest gets out") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    auto out = broker.new_topic(2);
    auto dead = broker.new_topic(2);
    constexpr int count = 60;
    auto records = keyed(in, count, 6);
    for (auto& rec : records) {
      rec.headers = {{"own", "header"}};
      rec.timestamp_ms = 1'700'000'000'123;
    }
    send(broker, records);
    auto cfg = with.config(in);
    cfg.retry = some_times(1);
    cfg.on_error = failure_action::dead_letter;
    cfg.dead_letter_topic = dead;
    event_source<> source{with.system, cfg};
    source.on_default([&](context<>& ctx, const record& rec) -> outcome {
      std::string value{rec.value};
      if (std::stoi(value) % 3 == 0)
        return {errc::handler_failed, "no thirds"};
      return forward_value(ctx, rec.key, out, value);
    });
    require_ok(source.start());
    REQUIRE(gets_out(source, count));
    source.stop();
    CHECK(source.state().dead_lettered == 24);
    CHECK(source.state().errors.empty());
    auto letters = with.read_back(dead, 24);
    for (auto& [key, values] : by_key(letters))
      CHECK(values == strings{"0", "3", "6", "9"});
    for (auto& [key, values] : by_key(with.read_back(out, count - 24)))
      CHECK(values == strings{"1", "2", "4", "5", "7", "8"});
    for (auto& rec : letters) {
      CHECK(rec.timestamp_ms == 1'700'000'000'123);
      CHECK(rec.headers.find("own") == "header");
      CHECK(rec.headers.find("keyloom.dead-letter.topic") == in);
      CHECK(rec.headers.find("keyloom.dead-letter.attempts") == "2");
    }
    auto committed = with.committed(in);
    CHECK(committed[0] + committed[1] == count);
  });
}

TEST_CASE("a dead-letter topic that does not exist is an error when the source starts") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto cfg = with.config(broker.new_topic(1));
    cfg.on_unreadable = failure_action::dead_letter;
    cfg.dead_letter_topic = test_broker::new_name("missing");
    event_source<> source{with.system, cfg};
    source.on_default([](context<>&, const record&) { return complete; });
    auto err = source.start();
    CHECK(err == errc::topic_missing);
    CHECK_THAT(describe(err), Catch::Matchers::Contains("keyloom.dead-letter-topic")
                                && Catch::Matchers::Contains(cfg.dead_letter_topic));
  });
}

TEST_CASE("I12: a dead letter that is too large stops its partition, and is not committed") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto dead = broker.new_topic(1);
    send(broker, {{.topic = in, .key = "k", .value = "small"},
                  {.topic = in, .key = "k", .value = std::string(5000, 'x')}});
    auto cfg = with.config(in);
    cfg.on_error = failure_action::dead_letter;
    cfg.dead_letter_topic = dead;
    cfg.kafka["message.max.bytes"] = "2000";
    event_source<> source{with.system, cfg};
    source.on_default([](context<>&, const record&) -> outcome {
      return {errc::handler_failed, "no"};
    });
    require_ok(source.start());
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return !source.state().errors.empty();
    }));
    source.stop();
    CHECK_THAT(source.state().errors.front(),
               Catch::Matchers::Contains("dead letter") && Catch::Matchers::Contains("offset 1"));
    CHECK(source.state().dead_lettered == 1);
    CHECK(with.committed(in) == std::vector<int64_t>{1});
  });
}
