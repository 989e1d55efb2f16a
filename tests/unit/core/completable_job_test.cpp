// ctx.job_complete: work that is done by hand, by any thread, at any time, or never.
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

#include <latch>
#include <thread>

namespace {

using namespace keyloom;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

/// Calls it on another thread, so that the kit takes it in with the test's next call.
bool elsewhere(const job_completion& done) {
  auto taken = false;
  std::thread{[&] { taken = done(); }}.join();
  return taken;
}

/// Every event is done by hand; `done` has the completions by offset.
struct hand_rig : fakes::kit_rig<> {
  std::map<int64_t, job_completion> done;
  std::vector<int64_t> finalized;

  hand_rig() : kit_rig({.on_error = failure_action::skip}) {
    source.on_default([this](context<>& ctx, const record&) {
      done.emplace(ctx.offset(), ctx.job_complete([this](context<>& later) {
        finalized.push_back(later.offset());
        later.forward({.topic = "out", .value = std::to_string(later.offset())});
        return complete;
      }));
      return incomplete;
    });
    start();
  }

  /// Feeds so many records of one key.
  void take(size_t count) { kit->feed_batch(std::vector<test_record>(count, {.key = "k"})); }
};

} // namespace

TEST_CASE("an event stays open until its completion is called, then its finalizer runs") {
  hand_rig rig;
  rig.take(2);
  CHECK(rig.kit->values().empty());
  CHECK(elsewhere(rig.done.at(0)));
  CHECK(rig.finalized.empty()); // later, in the partition
  rig.kit->run();
  CHECK(rig.finalized == std::vector<int64_t>{0});
  CHECK(rig.kit->values() == values{"0"});
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("I7: what is done by hand is released in order, whatever is done first") {
  hand_rig rig;
  rig.take(3);
  for (auto offset : {2, 0, 1})
    CHECK(rig.done.at(offset)());
  CHECK(rig.finalized == std::vector<int64_t>{2, 0, 1});
  CHECK(rig.kit->values() == values{"0", "1", "2"});
}

TEST_CASE("the second call of a completion, or of a copy of it, is an error and does nothing") {
  hand_rig rig;
  rig.take(1);
  auto copy = rig.done.at(0);
  CHECK(elsewhere(copy));
  CHECK(rig.done.at(0).complete() == errc::wrong_state);
  CHECK(copy.complete(caf::make_error(errc::processor_failed, "late")) == errc::wrong_state);
  rig.kit->run();
  CHECK(rig.done.at(0).complete() == errc::wrong_state);
  rig.kit->run();
  CHECK(rig.finalized.size() == 1);
  CHECK(rig.kit->skips().empty());
}

TEST_CASE(
  "a completion that fails hands the reason to the failure policy, with the record's place") {
  hand_rig rig;
  rig.kit->feed({.key = "k", .offset = 7});
  CHECK(rig.done.at(7).fail(caf::make_error(errc::processor_failed, "no answer")));
  REQUIRE(rig.kit->skips().size() == 1);
  CHECK_THAT(rig.kit->skips()[0], Contains("offset 7, key 'k', job_complete: no answer"));
  CHECK(rig.finalized.empty());
  CHECK(rig.kit->committable() == 8);
}

TEST_CASE("a finalizer of work done by hand that throws fails its event") {
  fakes::kit_rig rig;
  std::optional<job_completion> done;
  rig.source.on_default([&](context<>& ctx, const record&) {
    done = ctx.job_complete([](context<>&) -> outcome { throw std::runtime_error{"no ink"}; });
    return incomplete;
  });
  rig.start();
  rig.kit->feed({.key = "k", .offset = 3});
  CHECK((*done)());
  CHECK(rig.kit->state(0) == lifecycle::stopped);
  CHECK_THAT(rig.kit->stop_reason(), Contains("offset 3") && Contains("job_complete")
                                       && Contains("the finalizer threw: no ink"));
}

TEST_CASE("a completion may be called before its turn is over, on any thread") {
  auto same_thread = GENERATE(true, false);
  fakes::kit_rig rig;
  auto finalized = 0;
  auto too_early = 0;
  rig.source.on_default([&](context<>& ctx, const record&) {
    auto before = finalized;
    auto done = ctx.job_complete([&](context<>&) {
      ++finalized;
      return complete;
    });
    CHECK((same_thread ? done() : elsewhere(done)));
    too_early += finalized - before;
    return incomplete;
  });
  rig.start();
  rig.kit->feed_batch({{"k"}, {"k"}, {"k"}});
  CHECK(too_early == 0);
  CHECK(finalized == 3);
  CHECK(rig.kit->committable() == 3);
}

TEST_CASE("the completion of a turn that failed completes nothing, called before or after") {
  fakes::kit_rig rig{{.on_error = failure_action::skip}};
  auto finalized = 0;
  std::vector<job_completion> dropped;
  std::optional<job_completion> done;
  rig.source.on_default([&](context<>& ctx, const record& rec) -> outcome {
    auto finalizer = [&](context<>&) {
      ++finalized;
      return complete;
    };
    if (rec.offset == 2) {
      done = ctx.job_complete(finalizer);
      return incomplete;
    }
    dropped.push_back(ctx.job_complete(finalizer));
    if (rec.offset == 0)
      CHECK(dropped.back()());
    return {errc::decode_failed, "not a number"};
  });
  rig.start();
  rig.kit->feed_batch({{"k"}, {"k"}, {"k"}});
  CHECK(dropped[1]()); // its job is not waited for, and may be another event's by now
  CHECK(dropped[1].complete() == errc::wrong_state);
  CHECK(finalized == 0);
  CHECK(rig.kit->committable() == 2);
  CHECK((*done)());
  CHECK(finalized == 1);
  CHECK(rig.kit->committable() == 3);
  CHECK(rig.core().drained());
}

TEST_CASE("the finalizer of a turn that failed goes with the turn, though its completion is kept") {
  fakes::kit_rig rig{{.on_error = failure_action::skip}};
  std::vector<job_completion> kept;
  auto needed = std::make_shared<int>(0);
  std::weak_ptr<int> there = needed;
  rig.source.on_default([&](context<>& ctx, const record&) -> outcome {
    kept.push_back(ctx.job_complete([mine = std::exchange(needed, nullptr)](context<>&) {
      return mine == nullptr ? complete : incomplete;
    }));
    return {errc::decode_failed, "not a number"};
  });
  rig.start();
  rig.kit->feed({.key = "k"});
  CHECK(there.expired());
  CHECK(kept.at(0)());
}

TEST_CASE(
  "an event whose completion is never called stays open, and nothing after it is committed") {
  hand_rig rig;
  rig.take(2);
  CHECK(rig.done.at(1)());
  rig.done.clear();
  CHECK(rig.kit->committable() == 0);
  rig.kit->revoke();
  CHECK(rig.kit->state(0) == lifecycle::draining);
  rig.kit->advance(std::chrono::hours{1});
  CHECK(rig.kit->state(0) == lifecycle::unassigned);
  CHECK(rig.kit->committed() <= 0);
}

TEST_CASE("a finalizer of work done by hand may go on by hand, or in a stage") {
  fakes::kit_rig rig;
  std::vector<job_completion> steps;
  auto finished = 0;
  auto stage
    = rig.source.stage<int, int>("last", blocking([](std::string_view, int& x) { return x; }),
                                 [&](context<>&, std::string_view, int&, caf::expected<int>) {
                                   ++finished;
                                   return complete;
                                 });
  rig.source.on_default([&, stage](context<>& ctx, const record&) {
    steps.push_back(ctx.job_complete([&, stage](context<>& second) {
      steps.push_back(second.job_complete(
        [stage](context<>& third) { return stage.schedule(third, third.input().key, 1); }));
      return incomplete;
    }));
    return incomplete;
  });
  rig.start();
  rig.kit->feed({.key = "k"});
  for (size_t step = 0; step < 2; ++step) {
    REQUIRE(steps.size() == step + 1);
    auto next = steps.back(); // a copy: its finalizer adds to `steps`
    CHECK(next());
  }
  CHECK(rig.kit->committable() == 0);
  rig.kit->run();
  CHECK(finished == 1);
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("an event with several completions and jobs is complete when all are over") {
  fakes::kit_rig rig;
  std::vector<job_completion> done;
  auto stage = rig.source.stage<int, int>("beside",
                                          blocking([](std::string_view, int& x) { return x; }));
  rig.source.on_default([&, stage](context<>& ctx, const record& rec) {
    for (int i = 0; i < 2; ++i)
      done.push_back(ctx.job_complete([](context<>&) { return complete; }));
    return stage.schedule(ctx, rec.key, 1);
  });
  rig.start();
  rig.kit->feed({.key = "k"});
  CHECK(done[0]());
  rig.kit->run();
  CHECK(rig.kit->committable() == 0);
  CHECK(done[1]());
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("I6: a completion called after its partition was given up does nothing") {
  hand_rig rig;
  rig.take(2);
  CHECK(elsewhere(rig.done.at(0))); // on its way when the partition is given up
  rig.kit->lose();
  CHECK(rig.done.at(1)());
  CHECK(rig.done.at(1).complete() == errc::wrong_state);
  CHECK(rig.finalized.empty());
  auto late = std::exchange(rig.done, {});
  rig.kit->assign();
  CHECK(rig.done.size() == 2); // the next assignment has completions of its own
  CHECK(late.at(0).complete() == errc::wrong_state);
  CHECK(rig.kit->committable() == 0);
}

TEST_CASE("a completion may outlive its partition, and keeps nothing of it alive") {
  std::map<int64_t, job_completion> kept;
  auto memory = std::make_shared<int>(0);
  std::weak_ptr<int> alive = memory;
  {
    fakes::kit_rig rig;
    rig.source.on_default([&kept, memory](context<>& ctx, const record&) {
      kept.emplace(ctx.offset(), ctx.job_complete([memory](context<>&) { return complete; }));
      return incomplete;
    });
    memory.reset();
    rig.start();
    rig.kit->feed_batch({{"k"}, {"k"}});
    rig.kit.reset(); // without the partition being given up first
  }
  CHECK(alive.expired());
  CHECK(kept.at(0)());
  CHECK(kept.at(0).complete() == errc::wrong_state);
}

TEST_CASE("I6: completions may be called by many threads while their partition is given up") {
  test_system system;
  for (int round = 0; round < 50; ++round) {
    event_source<> source{system, {.group = "g", .topic = "t"}};
    std::vector<job_completion> done;
    source.on_default([&done](context<>& ctx, const record&) {
      done.push_back(ctx.job_complete([](context<>&) { return complete; }));
      return incomplete;
    });
    std::optional<testkit<no_store>> kit{source};
    kit->feed_batch(std::vector<test_record>(40));
    REQUIRE(done.size() == 40);
    std::latch begin{3};
    std::atomic<int> first_calls = 0;
    auto call_all = [&, mine = done] {
      begin.arrive_and_wait();
      for (auto& each : mine)
        first_calls += each();
    };
    std::thread one{call_all};
    std::thread two{call_all};
    begin.arrive_and_wait();
    for (int i = 0; i < round % 5; ++i)
      kit->run();
    kit->lose();
    kit.reset();
    one.join();
    two.join();
    CHECK(first_calls == 40);
  }
}
