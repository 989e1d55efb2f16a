// Handlers that are called again after an error.
#include "tests/fakes/kit_rig.hpp"

#include <keyloom/codec/integer.hpp>

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

struct ledger {
  int sum = 0;
  void apply(int change) { sum += change; }
};

/// A handler sends its record's value, schedules nothing, and fails as often as `failing` has the
/// value. A value that begins with "job" is scheduled for its key.
struct handler_rig : fakes::kit_rig<> {
  std::multiset<std::string> failing;
  values called;

  explicit handler_rig(source_config cfg = {}) : kit_rig(with_retries(std::move(cfg))) {
    auto finalizer = [](context<>& ctx, std::string_view, std::string& job, caf::expected<int>) {
      ctx.forward({.topic = "out", .value = job + " done"});
      return complete;
    };
    auto processor = blocking([](std::string_view, std::string&) { return 1; });
    auto work = source.stage<std::string, int>("work", processor, finalizer);
    source.on_default([this, work](context<>& ctx, const record& rec) -> outcome {
      std::string value{rec.value};
      called.push_back(value);
      ctx.forward({.topic = "out", .value = value});
      auto result = value.starts_with("job") ? work.schedule(ctx, rec.key, std::string{value})
                                             : complete;
      auto it = failing.find(value);
      if (it == failing.end())
        return result;
      failing.erase(it);
      throw std::runtime_error{"out of cheese"};
    });
    start();
  }

  void feed(const std::string& value, std::optional<std::string> key = "k") {
    kit->feed({.key = std::move(key), .value = value});
  }

private:
  static source_config with_retries(source_config cfg) {
    cfg.retry = {.times = 2, .backoff = 100ms, .jitter = 0};
    return cfg;
  }
};

} // namespace

TEST_CASE("a handler that failed is called again, and what its failed turns did is undone") {
  handler_rig rig;
  rig.failing = {"a", "a"};
  rig.feed("a");
  CHECK(rig.kit->values().empty());
  CHECK(rig.kit->state().parked == 1);
  rig.kit->advance(100ms);
  rig.kit->advance(199ms);
  CHECK(rig.called == values{"a", "a"});
  rig.kit->advance(1ms);
  CHECK(rig.called == values{"a", "a", "a"});
  CHECK(rig.kit->values() == values{"a"});
  CHECK(rig.kit->state().retries == 2);
  CHECK(rig.kit->state().parked == 0);
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("a job that a failed turn scheduled is not worked on, and once when the turn ends well") {
  handler_rig rig;
  rig.failing = {"job"};
  rig.feed("job");
  CHECK(rig.kit->pending() == 0);
  rig.kit->advance(100ms);
  CHECK(rig.kit->pending() == 1);
  rig.kit->run();
  CHECK(rig.kit->values() == values{"job", "job done"});
}

TEST_CASE("after its last call a handler's error goes to the policy") {
  handler_rig rig;
  rig.failing = {"a", "a", "a"};
  rig.feed("a");
  rig.kit->advance(1s);
  CHECK(rig.called.size() == 3);
  CHECK(rig.kit->state(0) == lifecycle::stopped);
  CHECK_THAT(rig.kit->stop_reason(), Contains("offset 0, key 'k': the handler threw"));
}

TEST_CASE("the handlers of a key wait while one is to be called again; other keys go on") {
  auto turns = GENERATE(key_turns::interleaved, key_turns::serial);
  auto order = GENERATE(output_order::by_key, output_order::none);
  handler_rig rig{{.output_order = order, .key_turns = turns}};
  rig.failing = {"a"};
  rig.feed("a");
  rig.feed("b");
  rig.feed("c", "other");
  rig.feed("d", std::nullopt);
  rig.feed("e");
  CHECK(rig.called == values{"a", "c", "d"});
  rig.kit->advance(100ms);
  CHECK(rig.called == values{"a", "c", "d", "a", "b", "e"});
  CHECK(rig.kit->values() == values{"c", "d", "a", "b", "e"});
  CHECK(rig.kit->committable() == 5);
}

TEST_CASE("a record without a key is called again alone") {
  handler_rig rig;
  rig.failing = {"a"};
  rig.feed("a", std::nullopt);
  rig.feed("b", std::nullopt);
  CHECK(rig.kit->values() == values{"b"});
  rig.kit->advance(100ms);
  CHECK(rig.kit->values() == values{"b", "a"});
}

TEST_CASE("handlers that were let run together wait again when the first of them fails") {
  handler_rig rig{{.chain_limit = 1}};
  rig.feed("job 1"); // holds the key alone
  for (auto value : {"a", "b", "c"})
    rig.feed(value);
  rig.failing = {"a"};
  rig.kit->run();
  CHECK(rig.called == values{"job 1", "a"});
  rig.kit->advance(100ms);
  CHECK(rig.called == values{"job 1", "a", "a", "b", "c"});
  CHECK(rig.kit->values() == values{"job 1", "job 1 done", "a", "b", "c"});
}

TEST_CASE("several handlers that were let run at once wait again when the first of them fails") {
  handler_rig rig{{.chain_limit = 100, .chain_time = 50ms}};
  rig.feed("job 1");
  rig.kit->advance(50ms); // closes the chain
  for (auto value : {"a", "b", "c"})
    rig.feed(value);
  CHECK(rig.called == values{"job 1"});
  rig.failing = {"a", "b"};
  rig.kit->run();
  CHECK(rig.called == values{"job 1", "a"});
  rig.kit->advance(100ms);
  CHECK(rig.called == values{"job 1", "a", "a", "b"});
  rig.kit->advance(100ms);
  CHECK(rig.kit->values() == values{"job 1", "job 1 done", "a", "b", "c"});
}

TEST_CASE("interleaved, a handler's next ones run on when its last call has scheduled a job") {
  handler_rig rig{{.key_turns = key_turns::interleaved}};
  rig.failing = {"job 1"};
  rig.feed("job 1");
  rig.feed("job 2");
  rig.kit->advance(100ms);
  CHECK(rig.called == values{"job 1", "job 1", "job 2"});
  rig.kit->run();
  CHECK(rig.kit->values() == values{"job 1", "job 1 done", "job 2", "job 2 done"});
}

TEST_CASE("I2: a handler that is to be called again is left to the next owner at a hand-over") {
  handler_rig rig;
  rig.failing = {"a"};
  rig.feed("a");
  rig.feed("b");
  rig.kit->revoke();
  CHECK(rig.kit->state(0) == lifecycle::unassigned);
  CHECK(rig.kit->committed() <= 0);
  rig.kit->advance(1h);
  CHECK(rig.called == values{"a"});
  rig.kit->assign();
  CHECK(rig.kit->values() == values{"a", "b"});
}

TEST_CASE("a turn that changed a store that cannot undo is not tried again") {
  fakes::kit_rig<ledger> rig{{.retry = {.times = 5}}, [] { return ledger{}; }};
  rig.source.on_default([](context<ledger>& ctx, const record&) -> outcome {
    ctx.record_change(1);
    throw std::runtime_error{"out of cheese"};
  });
  rig.start();
  rig.kit->feed({.key = "k", .value = "v"});
  CHECK(rig.kit->state(0) == lifecycle::stopped);
  CHECK_THAT(rig.kit->stop_reason(), Contains("the turn had changed the store"));
}

TEST_CASE("a record that cannot be decoded is not tried again, and has an action of its own") {
  fakes::kit_rig rig{{.retry = {.times = 5}, .on_unreadable = failure_action::skip}};
  rig.source.on<int64_t>("number", decimal<int64_t>{}, [](context<>&, int64_t) -> outcome {
    return {errc::handler_failed, "no"};
  });
  rig.start();
  rig.kit->feed({.key = "k", .value = "x", .type = "number"});
  rig.kit->feed({.key = "k", .value = "x", .type = "other"});
  CHECK(rig.kit->state().skipped == 2);
  CHECK(rig.kit->state().retries == 0);
  rig.kit->feed({.key = "k", .value = "1", .type = "number"});
  CHECK(rig.kit->state().parked == 1);
  rig.kit->advance(1h);
  CHECK(rig.kit->state(0) == lifecycle::stopped);
}

TEST_CASE("I10: an event whose handler is to be called again says so") {
  handler_rig rig;
  rig.failing = {"a"};
  rig.feed("a");
  CHECK_THAT(rig.core().oldest_event()->waits_for,
             Contains("its handler to be called again, after 1 call"));
}
