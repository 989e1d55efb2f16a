// Calls that are made again after an error: processors' and handlers'.
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

/// 100 ms, 200 ms, ... between calls, without jitter.
retry_policy twice() {
  return {.times = 2, .backoff = 100ms, .jitter = 0};
}

/// Each record schedules a job with its value for its key. Finalizers note "value" or "value!",
/// when there was an error, and send the value or fail with the error.
struct stage_rig : fakes::kit_rig<> {
  values finalized;

  explicit stage_rig(stage_options how = {.retry = twice()}, source_config cfg = {})
    : kit_rig(with_skip(std::move(cfg))) {
    auto finalizer = [this](context<>& ctx, std::string_view, std::string& job,
                            caf::expected<int> result) {
      finalized.push_back(job + (result ? "" : "!"));
      if (!result)
        return outcome{result.error()};
      ctx.forward({.topic = "out", .value = job});
      return complete;
    };
    auto processor = blocking([](std::string_view, std::string&) { return 1; });
    work_ = source.stage<std::string, int>("work", processor, finalizer, how);
    source.on_default([this](context<>& ctx, const record& rec) {
      return rec.value == "pass" ? work_->pass(ctx, rec.key)
                                 : work_->schedule(ctx, rec.key, std::string{rec.value});
    });
    start();
  }

  void feed(const std::string& key, const std::string& value) {
    kit->feed({.key = key, .value = value});
  }
  test_stage<std::string, int> work() { return kit->stage<std::string, int>("work"); }
  void fail(const std::string& key) { work().next(key).fail(errc::processor_failed, "no table"); }

private:
  static source_config with_skip(source_config cfg) {
    if (cfg.on_error == failure_action::stop_partition)
      cfg.on_error = failure_action::skip;
    return cfg;
  }

  std::optional<stage_handle<std::string>> work_;
};

} // namespace

TEST_CASE(
  "I5: a job that failed is called again, and its finalizer hears of the last result only") {
  stage_rig rig;
  rig.feed("k", "a");
  rig.fail("k");
  CHECK(rig.work().jobs().empty());
  CHECK(rig.kit->state().parked == 1);
  rig.kit->advance(99ms);
  CHECK(rig.work().jobs().empty());
  rig.kit->advance(1ms);
  REQUIRE(rig.work().keys() == values{"k"});
  CHECK(rig.work().next().attempts() == 1);
  rig.fail("k");
  rig.kit->advance(199ms);
  CHECK(rig.work().jobs().empty());
  rig.kit->advance(1ms);
  CHECK(rig.finalized.empty());
  rig.work().next("k").answer(1);
  CHECK(rig.finalized == values{"a"});
  CHECK(rig.kit->values() == values{"a"});
  auto state = rig.kit->state();
  CHECK(state.retries == 2);
  CHECK(state.stages[0].retries == 2);
  CHECK(state.parked == 0);
  CHECK(state.skipped == 0);
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("a job whose last call failed is finalized with that error, which the policy gets") {
  stage_rig rig;
  rig.feed("k", "a");
  for (auto wait : {100ms, 200ms, 0ms}) {
    rig.fail("k");
    rig.kit->advance(wait);
  }
  CHECK(rig.finalized == values{"a!"});
  CHECK(rig.kit->state().skipped == 1);
  REQUIRE(rig.kit->skips().size() == 1);
  CHECK_THAT(rig.kit->skips()[0], Contains("stage 'work': no table"));
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("I3: the jobs of a key wait behind one that failed, other keys go on") {
  stage_rig rig;
  rig.kit->feed_batch({{.key = "k", .value = "a"},
                       {.key = "k", .value = "b"},
                       {.key = "other", .value = "c"},
                       {.key = "k", .value = "d"}});
  rig.fail("k");
  rig.feed("k", "e");
  CHECK(rig.work().keys() == values{"other"});
  rig.work().next("other").answer(1);
  CHECK(rig.finalized == values{"c"});
  rig.kit->advance(100ms);
  rig.answer_key(rig.work(), "k");
  CHECK(rig.finalized == values{"c", "a", "b", "d", "e"});
}

TEST_CASE("I3: by_partition, the partition's jobs wait behind one that failed") {
  stage_rig rig{{.mode = stage_mode::by_partition, .retry = twice()}};
  rig.feed("k", "a");
  rig.feed("other", "b");
  rig.fail("k");
  CHECK(rig.work().jobs().empty());
  rig.kit->advance(100ms);
  rig.work().next("k").answer(1);
  rig.work().next("other").answer(1);
  CHECK(rig.finalized == values{"a", "b"});
}

TEST_CASE("unordered, nothing waits behind a job that failed") {
  stage_rig rig{{.mode = stage_mode::unordered, .retry = twice()}};
  rig.feed("k", "a");
  rig.feed("k", "b");
  rig.work().jobs()[0].fail(errc::processor_failed, "no table");
  rig.work().next().answer(1);
  CHECK(rig.finalized == values{"b"});
  CHECK(rig.kit->values().empty()); // by_key, its output waits
  rig.kit->advance(100ms);
  rig.work().next().answer(1);
  CHECK(rig.kit->values() == values{"a", "b"});
}

TEST_CASE("a pass waits for the job before it until that was called for the last time") {
  stage_rig rig{{.retry = twice()}, {.output_order = output_order::none}};
  rig.feed("k", "a");
  rig.fail("k");
  rig.feed("k", "pass");
  CHECK(rig.kit->state().out == 0);
  rig.kit->advance(100ms);
  CHECK(rig.kit->state().out == 0);
  rig.work().next("k").answer(1);
  CHECK(rig.kit->state().out == 2);
}

TEST_CASE("a policy of the source is that of its stages, unless they have their own") {
  stage_rig of_source{{}, {.retry = twice()}};
  of_source.feed("k", "a");
  of_source.fail("k");
  CHECK(of_source.kit->state().parked == 1);
  stage_rig own{{.retry = retry_policy{}}, {.retry = twice()}};
  own.feed("k", "a");
  own.fail("k");
  CHECK(own.finalized == values{"a!"});
}

TEST_CASE("a stage's own action decides about the events that fail in it") {
  stage_rig rig{{.on_error = failure_action::stop_source}};
  rig.feed("k", "a");
  rig.fail("k");
  CHECK(rig.kit->state(0) != lifecycle::active);
  CHECK(rig.kit->ended());
}

TEST_CASE("an error that the predicate refuses is not tried again") {
  auto policy = twice();
  policy.when = [](const caf::error& reason) { return reason == errc::timed_out; };
  stage_rig rig{{.retry = policy}};
  rig.feed("k", "a");
  rig.fail("k");
  CHECK(rig.finalized == values{"a!"});
}

TEST_CASE("I3: a blocking call that timed out is made again once it has returned, not before") {
  stage_rig rig{{.timeout = 1s, .retry = twice()}};
  rig.feed("k", "a");
  rig.feed("k", "b");
  auto call = rig.work().next("k");
  call.begin();
  rig.kit->advance(1s);
  CHECK(rig.kit->state().stages[0].timed_out == 1);
  CHECK(rig.finalized.empty());
  rig.kit->advance(10s);
  CHECK(rig.work().jobs().empty());
  call.answer(1); // late
  REQUIRE(rig.work().keys() == values{"k"});
  CHECK(rig.work().next().job() == "a");
  rig.answer_key(rig.work(), "k");
  CHECK(rig.finalized == values{"a", "b"});
}

TEST_CASE("a call that returned in the meantime is made again when the backoff is over") {
  stage_rig rig{{.timeout = 1s, .retry = twice()}};
  rig.feed("k", "a");
  auto call = rig.work().next("k");
  call.begin();
  rig.kit->advance(1s);
  call.answer(1);
  CHECK(rig.work().jobs().empty());
  rig.kit->advance(100ms);
  CHECK(rig.work().keys() == values{"k"});
}

TEST_CASE("I3: a timed-out blocking call that is not made again keeps its key until it returns") {
  auto never = twice();
  never.when = [](const caf::error&) { return false; };
  stage_rig rig{{.timeout = 1s, .retry = never}};
  rig.feed("k", "a");
  auto call = rig.work().next("k");
  call.begin();
  rig.kit->advance(1s);
  CHECK(rig.finalized == values{"a!"});
  rig.feed("k", "b");
  CHECK(rig.work().jobs().empty());
  call.answer(1);
  rig.answer_key(rig.work(), "k");
  CHECK(rig.finalized == values{"a!", "b"});
}

TEST_CASE("a job that waits to be called again does not hold up a hand-over, and comes again") {
  stage_rig rig;
  rig.feed("k", "a");
  rig.feed("k", "b");
  rig.feed("other", "c");
  rig.work().next("other").answer(1);
  rig.fail("k");
  rig.kit->revoke();
  CHECK(rig.kit->state(0) == lifecycle::unassigned);
  CHECK(rig.kit->committed() == 0);
  rig.kit->assign();
  rig.answer_key(rig.work(), "k");
  CHECK(rig.finalized == values{"c", "a", "b"});
  CHECK(rig.kit->state().parked == 0);
}

TEST_CASE("I6: what was parked when its partition was lost is not called again") {
  stage_rig rig;
  rig.feed("k", "a");
  rig.fail("k");
  rig.kit->lose();
  CHECK(rig.kit->state().parked == 0);
  rig.kit->advance(1h);
  CHECK(rig.kit->pending() == 0);
}

TEST_CASE(
  "I10: an event whose job is parked says what failed, and one behind it what it waits for") {
  stage_rig rig;
  rig.feed("k", "a");
  rig.fail("k");
  CHECK_THAT(rig.core().oldest_event()->waits_for,
             Contains("its next call, after 1 that failed; the last one: no table"));
  CHECK(rig.core().oldest_event()->stage == "work");
}

// -- by run
// ----------------------------------------------------------------------------------------

namespace {

/// Fails those jobs of a run whose values are in `failing`.
struct run_rig : fakes::kit_rig<> {
  std::multiset<std::string> failing;
  values called;
  values finalized;

  run_rig() : kit_rig({.retry = twice(), .on_error = failure_action::skip}) {
    auto processor = blocking(by_run([this](std::string_view, std::span<std::string* const> jobs) {
      std::vector<caf::expected<int>> results;
      for (auto* job : jobs) {
        called.push_back(*job);
        auto it = failing.find(*job);
        if (it == failing.end()) {
          results.emplace_back(1);
          continue;
        }
        failing.erase(it);
        results.emplace_back(caf::make_error(errc::processor_failed, "no table"));
      }
      return results;
    }));
    auto finalizer = [this](context<>&, std::string_view, std::string& job,
                            caf::expected<int> result) {
      finalized.push_back(job + (result ? "" : "!"));
      return result ? complete : outcome{result.error()};
    };
    auto work = source.stage<std::string, int>("work", processor, finalizer);
    source.on_default([work](context<>& ctx, const record& rec) {
      return work.schedule(ctx, rec.key, std::string{rec.value});
    });
    start();
  }
};

} // namespace

TEST_CASE("I3 I5: by run, only what failed is called again, and finalizers keep the order") {
  run_rig rig;
  rig.failing = {"b", "b", "d"};
  rig.kit->feed_batch({{.key = "k", .value = "a"},
                       {.key = "k", .value = "b"},
                       {.key = "k", .value = "c"},
                       {.key = "k", .value = "d"}});
  rig.kit->run();
  CHECK(rig.finalized == values{"a"});
  CHECK(rig.kit->state().parked == 2);
  rig.kit->feed({.key = "k", .value = "e"});
  rig.kit->run();
  rig.kit->advance(100ms);
  rig.kit->run();
  CHECK(rig.finalized == values{"a"});
  rig.kit->advance(200ms);
  rig.kit->run();
  CHECK(rig.called == values{"a", "b", "c", "d", "b", "d", "b", "e"});
  CHECK(rig.finalized == values{"a", "b", "c", "d", "e"});
  CHECK(rig.kit->committable() == 5);
}
