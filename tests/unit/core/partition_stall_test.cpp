// I10: what a partition says its oldest event waits for.
#include "tests/fakes/add_stage.hpp"
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using Catch::Matchers::StartsWith;
using place = fakes::fake_runs::place;

/// A stage "work" of some kind; a record's value says what becomes of it: "job", "pass", "by hand",
/// "output" or, anything else, at once complete.
struct standing_rig : fakes::partition_rig {
  std::vector<job_completion> by_hand;

  template <class Processor>
  explicit standing_rig(Processor processor, stage_options options = {.limits = {}}) {
    auto work = fakes::add_stage<no_store, int, int>(
      *source, "work", std::move(processor),
      [](context<>&, std::string_view, int&, caf::expected<int>) { return complete; }, options);
    on_default([this, work](context<>& ctx, const record& rec) -> outcome {
      if (rec.value == "job")
        return work.schedule(ctx, rec.key, 1);
      if (rec.value == "pass")
        return work.pass(ctx, rec.key);
      if (rec.value == "output")
        ctx.forward({.topic = "out", .value = "v"});
      if (rec.value != "by hand")
        return complete;
      by_hand.push_back(ctx.job_complete([](context<>&) { return complete; }));
      return incomplete;
    });
    start();
  }

  void answer_key(std::string_view key) { answer(place_of(key)); }

  void acknowledge_all() {
    while (!outputs.unreported.empty()) {
      core::delivery reports[] = {outputs.report(0)};
      core->delivered(reports);
    }
  }

  place place_of(std::string_view key) { return {0, runs.slot_of(0, key)}; }

  std::string oldest() {
    auto found = core->oldest_event();
    return found ? to_string(*found) : "none";
  }
};

auto answer_1() {
  return [](std::string_view, int&) { return 1; };
}

fakes::test_record rec(int64_t offset, std::string key, std::string value) {
  return {offset, std::move(key), std::move(value)};
}

} // namespace

TEST_CASE("I10: with everything out there is no oldest event") {
  standing_rig rig{blocking(answer_1())};
  CHECK(rig.oldest() == "none");
  rig.take(fakes::make_batch({rec(5, "a", "complete")}));
  CHECK(rig.oldest() == "none");
}

TEST_CASE("I10: a call that runs is named with the offset, the job's key and the stage") {
  standing_rig rig{blocking(answer_1())};
  rig.take(fakes::make_batch({rec(5, "a", "complete"), rec(6, "b", "job"), rec(7, "c", "job")}));
  rig.runs.begin(rig.place_of("b"));
  CHECK(rig.oldest() == "offset 6, key 'b', stage 'work', waits for a call that runs");
  rig.answer_key("b");
  CHECK_THAT(rig.oldest(), StartsWith("offset 7, key 'c'"));
}

TEST_CASE("I10: a request and an asynchronous call under way are named as what they are") {
  standing_rig rig{async([](std::string_view, int&, completion<int>) {})};
  rig.take(fakes::make_batch({rec(6, "b", "job")}));
  rig.runs.begin(rig.place_of("b"));
  CHECK(rig.oldest()
        == "offset 6, key 'b', stage 'work', waits for a completion that nobody has fulfilled");
}

TEST_CASE("I10: a job that has not begun waits for a place in its stage") {
  standing_rig rig{blocking(answer_1()), {.limits = {.concurrency = 2}}};
  rig.meters[0].running = 2;
  rig.take(fakes::make_batch({rec(6, "b", "job")}));
  CHECK(rig.oldest()
        == "offset 6, key 'b', stage 'work', waits for a place in the stage, 2 of 2 are taken");
}

TEST_CASE("I10: a job behind a later event's job with the same key names that one") {
  std::optional<job_completion> by_hand;
  fakes::partition_rig rig;
  auto work = fakes::add_stage<no_store, int, int>(*rig.source, "work", blocking(answer_1()),
                                                   [](context<>&, std::string_view, int&,
                                                      caf::expected<int>) { return complete; },
                                                   {.limits = {.concurrency = 4}});
  rig.on_default([&, work](context<>& ctx, const record& rec) -> outcome {
    if (rec.value == "at once")
      return work.schedule(ctx, "shared", 1);
    by_hand
      = ctx.job_complete([work](context<>& after) { return work.schedule(after, "shared", 1); });
    return incomplete;
  });
  rig.start();
  rig.take(fakes::make_batch({rec(5, "a", "later"), rec(6, "b", "at once")}));
  rig.runs.begin({0, rig.runs.slot_of(0, "shared")});
  REQUIRE((*by_hand)());
  for (auto& part : rig.back->take())
    rig.core->finished(std::move(part));
  CHECK(to_string(*rig.core->oldest_event())
        == "offset 5, key 'shared', stage 'work', waits for the job of offset 6 with the same key, "
           "whose call runs");
}

TEST_CASE("I10: a job whose key has a call that outlived its timeout says so") {
  standing_rig rig{blocking(answer_1()), {.limits = {}, .timeout = std::chrono::milliseconds{100}}};
  rig.take(fakes::make_batch({rec(6, "b", "job"), rec(7, "b", "job")}));
  auto first = rig.runs.answer(rig.place_of("b"), 1);
  first.first->keeps_key = true;
  rig.core->finished(std::move(first));
  CHECK(rig.oldest()
        == "offset 7, key 'b', stage 'work', waits for an earlier call of its key, which took "
           "longer than the stage's timeout and still runs");
  rig.core->call_returned(0, rig.place_of("b").slot, 1);
  CHECK_THAT(rig.oldest(), Catch::Contains("a place in the stage"));
}

TEST_CASE("I10: a completion by hand that nobody calls is named with the record's key") {
  standing_rig rig{blocking(answer_1())};
  rig.take(fakes::make_batch({rec(6, "b", "by hand")}));
  CHECK(rig.oldest() == "offset 6, key 'b', waits for its job_complete, which nobody has called");
}

TEST_CASE("I10: an output that is not acknowledged, and one the producer has no room for") {
  standing_rig rig{blocking(answer_1())};
  rig.outputs.room = 1;
  rig.take(fakes::make_batch({rec(6, "b", "output"), rec(7, "c", "output"), rec(8, "d", "job")}));
  CHECK(rig.oldest() == "offset 6, key 'b', waits for the broker's acknowledgement of 1 outputs");
  rig.acknowledge_all();
  CHECK(rig.oldest() == "offset 7, key 'c', waits for room in the producer's queue");
}

TEST_CASE("I10: a pass names the job that it waits behind") {
  standing_rig rig{blocking(answer_1())};
  rig.take(fakes::make_batch({rec(5, "a", "job"), rec(6, "a", "pass"), rec(7, "b", "job")}));
  CHECK(rig.oldest()
        == "offset 5, key 'a', stage 'work', waits for a place in the stage, 0 of 1 are taken");
  auto jobs = rig.runs.answer(rig.place_of("a"));
  jobs.first->keeps_key = true; // its key stays where it is, so the pass does
  rig.core->finished(std::move(jobs));
  CHECK(rig.oldest()
        == "offset 6, key 'a', stage 'work', waits for an earlier call of its key, which took "
           "longer than the stage's timeout and still runs");
}
