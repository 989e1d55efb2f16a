// Stage timeouts in a whole source: the job fails, what becomes of its key, and of the answer that
// comes later. For asynchronous functions: async_test.
#include "tests/integration/source_fixture.hpp"
#include "tests/integration/test_messages.hpp"

#include <keyloom/handler_actor.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <latch>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

using strings = std::vector<std::string>;

/// What the finalizer of each job saw, by key. One partition: one thread, until the source stopped.
struct finalized_jobs {
  std::map<std::string, strings> by_key;

  template <class Result>
  outcome add(std::string_view key, const caf::expected<Result>& result) {
    by_key[std::string{key}].push_back(result ? std::to_string(*result)
                                              : describe(result.error()).substr(0, 35));
    return complete;
  }
};

const std::string took_too_long = "the call took longer than the stage";

bool gets_out(event_source<>& source, uint64_t count) {
  return eventually([&] {
    std::this_thread::yield();
    return source.state().out == count;
  });
}

struct holder_state {
  std::vector<caf::typed_response_promise<int>> held;
};

/// Answers the number, but that of 0 not before it hears "release".
caf::behavior holder(caf::stateful_actor<holder_state>* self) {
  return {
    [self](const std::string&, const question& asked) -> caf::result<int> {
      if (asked.number != 0)
        return asked.number;
      self->state.held.push_back(self->make_response_promise<int>());
      return self->state.held.back();
    },
    [self](const std::string&) {
      for (auto& each : self->state.held)
        each.deliver(0);
      return caf::unit;
    },
  };
}

} // namespace

TEST_CASE(
  "I3, I5: the key of a blocking call that takes too long waits until it returns, others go "
  "on; each job is finalized once") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, keyed(in, 9, 3)); // k0, k1, k2: 0, 1, 2 each
    std::latch go_on{1};
    std::atomic<int> overdue_key_calls = 0;
    finalized_jobs finalized;
    event_source<> source{with.system, with.config(in)};
    auto call = [&](std::string_view key, int& number) {
      if (key == "k0" && ++overdue_key_calls == 1)
        go_on.wait();
      return number;
    };
    auto stage = source.stage<int, int>("slow", blocking(call),
                                        [&](context<>&, std::string_view key, int&,
                                            caf::expected<int> result) {
                                          return finalized.add(key, result);
                                        },
                                        {.limits = {.concurrency = 2}, .timeout = 50ms});
    source.on_default([stage](context<>& ctx, const record& rec) {
      return stage.schedule(ctx, rec.key, std::stoi(std::string{rec.value}));
    });
    require_ok(source.start());
    REQUIRE(gets_out(source, 7));
    CHECK(overdue_key_calls == 1);
    CHECK(source.state().stages[0].timed_out == 1);
    CHECK(source.state().stages[0].late_answers == 0);
    go_on.count_down();
    REQUIRE(gets_out(source, 9));
    CHECK(source.state().stages[0].late_answers == 1);
    source.stop();
    CHECK(source.state().errors.empty());
    CHECK(finalized.by_key["k0"] == strings{took_too_long, "1", "2"});
    CHECK(finalized.by_key["k1"] == strings{"0", "1", "2"});
    CHECK(finalized.by_key["k2"] == strings{"0", "1", "2"});
  });
}

TEST_CASE("I5: a handler actor's answer after the timeout is dropped and counted, its key had gone "
          "on") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, keyed(in, 9, 3));
    std::promise<caf::actor> made;
    finalized_jobs finalized;
    event_source<> source{with.system, with.config(in)};
    auto stage = source.stage<question, int>("ask", shared_actor([&](caf::actor_system& sys) {
                                               caf::actor result = sys.spawn(holder);
                                               made.set_value(result);
                                               return result;
                                             }),
                                             [&](context<>&, std::string_view key, question&,
                                                 caf::expected<int> result) {
                                               return finalized.add(key, result);
                                             },
                                             {.limits = {.concurrency = 2}, .timeout = 50ms});
    source.on_default([stage](context<>& ctx, const record& rec) {
      return stage.schedule(ctx, rec.key, question{std::stoi(std::string{rec.value})});
    });
    require_ok(source.start());
    REQUIRE(gets_out(source, 9));
    CHECK(source.state().stages[0].timed_out == 3);
    CHECK(source.state().stages[0].late_answers == 0);
    caf::anon_send(made.get_future().get(), std::string{"release"});
    CHECK(eventually([&] {
      std::this_thread::yield();
      return source.state().stages[0].late_answers == 3;
    }));
    source.stop();
    CHECK(source.state().errors.empty());
    for (auto* key : {"k0", "k1", "k2"})
      CHECK(finalized.by_key[key] == strings{took_too_long, "1", "2"});
  });
}

TEST_CASE("a job that takes too long fails its event like any other error, with stage and key") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, keyed(in, 1, 1));
  std::latch go_on{1};
  event_source<> source{with.system, with.config(in)};
  auto stage = source.stage<int, void>("slow",
                                       blocking([&](std::string_view, int&) { go_on.wait(); }),
                                       {.timeout = 20ms});
  source.on_default(
    [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  require_ok(source.start());
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    return !source.state().errors.empty();
  }));
  auto error = source.state().errors.front();
  INFO(error);
  for (auto* part : {"partition 0", "offset 0", "key 'k0'", "stage 'slow'", "timeout of 20 ms"})
    CHECK(error.find(part) != std::string::npos);
  go_on.count_down();
  source.stop();
}
