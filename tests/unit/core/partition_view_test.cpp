// What a partition shows to who looks inside: the keys that are in flight, the oldest first.
#include "tests/fakes/kit_rig.hpp"
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;

/// A stage "work"; a record's value says what becomes of it: "job", "by hand", "output" or,
/// anything else, at once complete.
struct view_rig : fakes::partition_rig {
  std::vector<job_completion> by_hand;

  explicit view_rig(stage_options options = {.limits = {.concurrency = 4}}) {
    auto work = fakes::add_stage<no_store, int, int>(
      *source, "work", blocking([](std::string_view, int&) { return 1; }),
      [](context<>&, std::string_view, int&, caf::expected<int> result) {
        return result ? complete : outcome{result.error()};
      },
      options);
    on_default([this, work](context<>& ctx, const record& rec) -> outcome {
      if (rec.value == "job")
        return work.schedule(ctx, rec.key, 1);
      if (rec.value == "output")
        ctx.forward({.topic = "out", .value = "v"});
      if (rec.value != "by hand")
        return complete;
      by_hand.push_back(ctx.job_complete([](context<>&) { return complete; }));
      return incomplete;
    });
    start();
    clock.advance(1min);
  }

  fakes::fake_runs::place place_of(std::string_view key) { return {0, runs.slot_of(0, key)}; }

  void take_one(int64_t offset, std::string key, std::string value) {
    take(fakes::make_batch({{offset, std::move(key), std::move(value)}}));
  }
};

std::string line(const key_state& from) {
  return to_string(from.oldest) + "; " + std::to_string(from.oldest.age.count()) + " ms, "
         + std::to_string(from.jobs) + " jobs";
}

std::vector<std::string> lines(const core::partition_view& of) {
  std::vector<std::string> result;
  std::ranges::transform(of.keys, std::back_inserter(result), line);
  return result;
}

} // namespace

TEST_CASE("a key in flight is shown once, by its oldest event, with its age and all its jobs") {
  view_rig rig;
  rig.take_one(5, "b", "job");
  rig.clock.advance(300ms);
  rig.take_one(6, "a", "job");
  rig.take_one(7, "b", "job");
  rig.runs.begin(rig.place_of("b"));
  rig.clock.advance(20ms);
  auto seen = rig.core->view();
  CHECK(lines(seen)
        == std::vector<std::string>{
          "offset 5, key 'b', stage 'work', waits for a call that runs; 320 ms, 2 jobs",
          "offset 6, key 'a', stage 'work', waits for a place in the stage, 0 of 4 are taken; "
          "20 ms, 1 jobs"});
  REQUIRE(seen.oldest);
  CHECK(to_string(*seen.oldest) == to_string(seen.keys.front().oldest));
  CHECK(seen.oldest->age == 320ms);
}

TEST_CASE("keys whose events wait for something other than a stage are shown, too") {
  view_rig rig;
  rig.take_one(5, "hand", "by hand");
  rig.take_one(6, "out", "output");
  rig.take_one(7, "done", "complete");
  auto seen = lines(rig.core->view());
  CHECK(seen
        == std::vector<std::string>{
          "offset 5, key 'hand', waits for its job_complete, which nobody has called; 0 ms, 1 jobs",
          "offset 6, key 'out', waits for the broker's acknowledgement of 1 outputs; 0 ms, 1 "
          "jobs"});
}

TEST_CASE("records without a key are keys of their own") {
  view_rig rig;
  fakes::test_record blank{5, {}, "job"};
  blank.key = std::nullopt;
  auto other = blank;
  other.offset = 6;
  rig.take(fakes::make_batch({blank, other}));
  auto seen = rig.core->view();
  REQUIRE(seen.keys.size() == 2);
  CHECK_FALSE(seen.keys[0].oldest.key);
  CHECK(seen.keys[1].oldest.offset == 6);
}

TEST_CASE("of very many keys those with the oldest events are shown") {
  view_rig rig;
  std::vector<fakes::test_record> records;
  for (int64_t i = 0; i < 3000; ++i)
    records.push_back({i, "k" + std::to_string(i), "job"});
  rig.take(fakes::make_batch(records));
  auto seen = rig.core->view();
  REQUIRE(seen.keys.size() == source_state::most_keys);
  for (size_t i = 0; i < seen.keys.size(); ++i)
    REQUIRE(seen.keys[i].oldest.offset == static_cast<int64_t>(i));
}

TEST_CASE("a key whose call outlives its timeout says so for the jobs behind it") {
  view_rig rig{{.limits = {.concurrency = 4}, .timeout = 1s}};
  rig.take_one(5, "a", "job");
  rig.take_one(6, "a", "job");
  auto place = rig.place_of("a");
  auto late = rig.runs.answer(place, 1);
  late.first->keeps_key = true; // as the worker pool does when a call takes too long
  rig.core->finished(std::move(late));
  auto seen = rig.core->view();
  REQUIRE(seen.keys.size() == 1);
  CHECK(seen.keys[0].oldest.waits_for == core::waits_for_overdue);
}

TEST_CASE("with everything out nothing is shown, and no record is old") {
  view_rig rig;
  rig.take_one(5, "a", "job");
  CHECK(rig.meter.oldest_since == rig.clock.now().time_since_epoch().count());
  rig.answer(rig.place_of("a"));
  auto seen = rig.core->view();
  CHECK(seen.keys.empty());
  CHECK_FALSE(seen.oldest);
  CHECK(rig.meter.oldest_since == 0);
}

TEST_CASE("I10: an event that waits for its transaction alone is shown, and says so") {
  fakes::kit_rig<> rig{{.exactly_once = true}};
  rig.source.on_default([](context<>& ctx, const record& rec) {
    ctx.forward(rec, "out");
    if (rec.value == "headers")
      ctx.forward({.topic = "out", .headers = {{"name", "value"}}});
    return complete;
  });
  rig.start();
  rig.kit->feed({.key = "a", .value = "v"});
  rig.kit->feed({.key = "b", .value = "headers"});
  auto seen = rig.kit->internals().seat_of(0).now->core().view();
  REQUIRE(seen.oldest);
  CHECK(seen.oldest->offset == 0);
  CHECK(seen.oldest->waits_for == "the transaction that it leaves in");
  REQUIRE(seen.keys.size() == 2);
  for (auto& each : seen.keys)
    CHECK(each.oldest.waits_for == "the transaction that it leaves in");
  rig.kit->commit();
  CHECK(rig.kit->internals().seat_of(0).now->core().view().keys.empty());
}
