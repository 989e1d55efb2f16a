// ctx.job_complete: work that is done by hand, by any thread, at any time, or never.
#include "tests/fakes/fake_return.hpp"
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

#include <latch>
#include <map>
#include <thread>

namespace {

using namespace keyloom;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

/// Every event is done by hand; `done` has the completions by offset.
struct hand_rig : fakes::partition_rig {
  std::shared_ptr<fakes::fake_return> back = std::make_shared<fakes::fake_return>();
  std::map<int64_t, job_completion> done;
  std::vector<int64_t> finalized;

  explicit hand_rig(failure_action on_error = failure_action::skip) {
    source->config.on_error = on_error;
    on_default([this](context<>& ctx, const record&) {
      done.emplace(ctx.offset(), ctx.job_complete([this](context<>& later) {
        finalized.push_back(later.offset());
        later.forward({.topic = "out", .value = std::to_string(later.offset())});
        return complete;
      }));
      return incomplete;
    });
  }

  ~hand_rig() { back->take(); } // what is in there keeps the memory, which keeps `back`

  void begin() {
    start();
    core->memory()->returns_to(back);
  }

  /// Brings in what was completed since the last time.
  void bring() {
    for (auto& part : back->take())
      core->finished(std::move(part));
  }
};

} // namespace

TEST_CASE("an event stays open until its completion is called, then its finalizer runs") {
  hand_rig rig;
  rig.begin();
  rig.take(fakes::make_batch({0, 1}));
  CHECK(rig.outputs.values.empty());
  CHECK(rig.done.at(0)());
  CHECK(rig.finalized.empty()); // later, in the partition
  rig.bring();
  CHECK(rig.finalized == std::vector<int64_t>{0});
  CHECK(rig.outputs.values == values{"0"});
  rig.acknowledge_all();
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("I7: what is done by hand is released in order, whatever is done first") {
  hand_rig rig;
  rig.begin();
  rig.take(fakes::make_batch({0, 1, 2}));
  for (auto offset : {2, 0, 1}) {
    CHECK(rig.done.at(offset)());
    rig.bring();
  }
  CHECK(rig.finalized == std::vector<int64_t>{2, 0, 1});
  CHECK(rig.outputs.values == values{"0", "1", "2"});
}

TEST_CASE("the second call of a completion, or of a copy of it, is an error and does nothing") {
  hand_rig rig;
  rig.begin();
  rig.take(fakes::make_batch({0}));
  auto copy = rig.done.at(0);
  CHECK(copy());
  CHECK(rig.done.at(0).complete() == errc::wrong_state);
  CHECK(copy.complete(caf::make_error(errc::processor_failed, "late")) == errc::wrong_state);
  rig.bring();
  CHECK(rig.done.at(0).complete() == errc::wrong_state);
  rig.bring();
  CHECK(rig.finalized.size() == 1);
  CHECK(rig.incidents.skips.empty());
}

TEST_CASE(
  "a completion that fails hands the reason to the failure policy, with the record's place") {
  hand_rig rig;
  rig.begin();
  rig.take(fakes::make_batch({7}));
  CHECK(rig.done.at(7).fail(caf::make_error(errc::processor_failed, "no answer")));
  rig.bring();
  REQUIRE(rig.incidents.skips.size() == 1);
  CHECK_THAT(rig.incidents.skips[0], Contains("offset 7, key 'k', job_complete: no answer"));
  CHECK(rig.finalized.empty());
  CHECK(rig.core->committable() == 8);
}

TEST_CASE("a finalizer of work done by hand that throws fails its event") {
  fakes::partition_rig rig;
  auto back = std::make_shared<fakes::fake_return>();
  std::optional<job_completion> done;
  rig.on_default([&](context<>& ctx, const record&) {
    done = ctx.job_complete([](context<>&) -> outcome { throw std::runtime_error{"no ink"}; });
    return incomplete;
  });
  rig.start();
  rig.core->memory()->returns_to(back);
  rig.take(fakes::make_batch({3}));
  CHECK((*done)());
  for (auto& part : back->take())
    rig.core->finished(std::move(part));
  CHECK(rig.core->stopped());
  CHECK_THAT(rig.core->stop_reason(), Contains("offset 3") && Contains("job_complete")
                                        && Contains("the finalizer threw: no ink"));
}

TEST_CASE("a completion may be called before its turn is over") {
  fakes::partition_rig rig;
  auto back = std::make_shared<fakes::fake_return>();
  auto finalized = 0;
  rig.on_default([&](context<>& ctx, const record&) {
    std::thread{[done = ctx.job_complete([&](context<>&) {
      ++finalized;
      return complete;
    })] {
      CHECK(done());
    }}.join();
    return incomplete;
  });
  rig.start();
  rig.core->memory()->returns_to(back);
  rig.take(fakes::make_batch({0, 1, 2}));
  CHECK(finalized == 0);
  for (auto& part : back->take())
    rig.core->finished(std::move(part));
  CHECK(finalized == 3);
  CHECK(rig.core->committable() == 3);
}

TEST_CASE("the completion of a turn that failed completes nothing, called before or after") {
  fakes::partition_rig rig;
  auto back = std::make_shared<fakes::fake_return>();
  auto finalized = 0;
  std::vector<job_completion> dropped;
  std::optional<job_completion> done;
  rig.source->config.on_error = failure_action::skip;
  rig.on_default([&](context<>& ctx, const record& rec) -> outcome {
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
  rig.core->memory()->returns_to(back);
  rig.take(fakes::make_batch({0, 1, 2}));
  CHECK(dropped[1]()); // its job is not waited for, and may be another event's by now
  CHECK(dropped[1].complete() == errc::wrong_state);
  for (auto& part : back->take())
    rig.core->finished(std::move(part));
  CHECK(finalized == 0);
  CHECK(rig.core->committable() == 2);
  CHECK((*done)());
  for (auto& part : back->take())
    rig.core->finished(std::move(part));
  CHECK(finalized == 1);
  CHECK(rig.core->committable() == 3);
  CHECK(rig.core->drained());
}

TEST_CASE(
  "an event whose completion is never called stays open, and nothing after it is committed") {
  hand_rig rig;
  rig.begin();
  rig.take(fakes::make_batch({0, 1}));
  CHECK(rig.done.at(1)());
  rig.done.clear();
  rig.bring();
  CHECK(rig.core->committable() == 0);
  rig.core->begin_drain();
  CHECK_FALSE(rig.core->drained());
}

TEST_CASE("a finalizer of work done by hand may go on by hand, or in a stage") {
  fakes::partition_rig rig;
  auto back = std::make_shared<fakes::fake_return>();
  std::vector<job_completion> steps;
  auto finished = 0;
  auto stage = fakes::add_stage<no_store, int, int>(
    *rig.source, "last", blocking([](std::string_view, int& x) { return x; }),
    [&](context<>&, std::string_view, int&, caf::expected<int>) {
      ++finished;
      return complete;
    });
  rig.on_default([&, stage](context<>& ctx, const record&) {
    steps.push_back(ctx.job_complete([&, stage](context<>& second) {
      steps.push_back(second.job_complete(
        [stage](context<>& third) { return stage.schedule(third, third.input().key, 1); }));
      return incomplete;
    }));
    return incomplete;
  });
  rig.start();
  rig.core->memory()->returns_to(back);
  rig.take(fakes::make_batch({0}));
  for (size_t step = 0; step < 2; ++step) {
    REQUIRE(steps.size() == step + 1);
    CHECK(steps.back()());
    for (auto& part : back->take())
      rig.core->finished(std::move(part));
  }
  CHECK(rig.core->committable() == 0);
  rig.answer_all();
  CHECK(finished == 1);
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("an event with several completions and jobs is complete when all are over") {
  fakes::partition_rig rig;
  auto back = std::make_shared<fakes::fake_return>();
  std::vector<job_completion> done;
  auto stage
    = fakes::add_stage<no_store, int, int>(*rig.source, "beside",
                                           blocking([](std::string_view, int& x) { return x; }),
                                           detail::no_finalizer{});
  rig.on_default([&, stage](context<>& ctx, const record& rec) {
    for (int i = 0; i < 2; ++i)
      done.push_back(ctx.job_complete([](context<>&) { return complete; }));
    return stage.schedule(ctx, rec.key, 1);
  });
  rig.start();
  rig.core->memory()->returns_to(back);
  rig.take(fakes::make_batch({0}));
  CHECK(done[0]());
  rig.answer_all();
  for (auto& part : back->take())
    rig.core->finished(std::move(part));
  CHECK(rig.core->committable() == 0);
  CHECK(done[1]());
  for (auto& part : back->take())
    rig.core->finished(std::move(part));
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("I6: a completion called after its partition was given up does nothing") {
  hand_rig rig;
  rig.begin();
  rig.take(fakes::make_batch({0, 1}));
  CHECK(rig.done.at(0)()); // on its way when the partition is given up
  rig.core->give_up();
  CHECK(rig.done.at(1)());
  CHECK(rig.done.at(1).complete() == errc::wrong_state);
  rig.bring();
  CHECK(rig.finalized.empty());
  CHECK(rig.core->committable() == 0);
}

TEST_CASE("a completion may outlive its partition, and keeps nothing of it alive") {
  std::optional<job_completion> called;
  std::optional<job_completion> dropped;
  auto gone = false;
  {
    hand_rig rig;
    rig.begin();
    rig.core->memory()->on_gone([&gone] { gone = true; });
    rig.take(fakes::make_batch({0, 1}));
    called = rig.done.at(0);
    dropped = rig.done.at(1);
    rig.core.reset(); // without being given up first
    CHECK(gone);
  }
  CHECK((*called)());
  CHECK(called->complete() == errc::wrong_state);
}

TEST_CASE("I6: completions may be called by many threads while their partition is given up") {
  for (int round = 0; round < 50; ++round) {
    hand_rig rig;
    rig.begin();
    std::vector<fakes::test_record> records;
    for (int64_t i = 0; i < 40; ++i)
      records.push_back({i, std::nullopt});
    rig.take(fakes::make_batch(records));
    std::latch begin{3};
    std::atomic<int> first_calls = 0;
    auto call_all = [&, done = rig.done] {
      begin.arrive_and_wait();
      for (auto& [offset, each] : done)
        first_calls += each();
    };
    std::thread one{call_all};
    std::thread two{call_all};
    begin.arrive_and_wait();
    for (int i = 0; i < round % 5; ++i)
      rig.bring();
    rig.core->give_up();
    rig.core.reset();
    one.join();
    two.join();
    CHECK(first_calls == 40);
  }
}
