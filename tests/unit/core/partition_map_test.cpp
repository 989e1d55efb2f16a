// What a partition inherits from the one before it: records that its completion map names are out
// when they come, and everything else goes on around them.
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using offsets = std::vector<int64_t>;
using runs = std::vector<core::offset_run>;

/// Each record is a job of its key; a value is the number of outputs.
struct map_rig : fakes::kit_rig<> {
  offsets handled;

  explicit map_rig(source_config cfg = {}, test_acks acks = test_acks::at_once)
    : kit_rig(std::move(cfg)) {
    auto work = source.stage<std::string, void>(
      "work", blocking([](std::string_view, std::string&) {}),
      [](context<>& ctx, std::string_view, std::string&, caf::expected<void>) {
        ctx.forward({.topic = "out", .value = std::string{ctx.input().key}});
        return complete;
      });
    source.on_default([this, work](context<>& ctx, const record& rec) {
      handled.push_back(rec.offset);
      return work.schedule(ctx, rec.key, std::string{});
    });
    start({.acks = acks});
  }

  void feed(const std::vector<std::string>& keys) {
    std::vector<test_record> batch;
    for (auto& key : keys)
      batch.push_back({.key = key});
    kit->feed_batch(std::move(batch));
  }

  void answer(const std::vector<std::string>& keys) {
    for (auto& key : keys)
      kit->stage<std::string, void>("work").next(key).answer();
  }

  void crash_and_restart() {
    kit->crash();
    handled.clear();
    kit->restart();
  }

  core::progress reached() { return core().reached(); }
};

} // namespace

TEST_CASE("I12: records that were out beyond a straggler are not handled again after a crash") {
  map_rig rig;
  rig.feed({"a", "b", "c", "d"});
  rig.answer({"b", "d"});
  rig.kit->commit();
  rig.crash_and_restart();
  CHECK(rig.kit->committed() == 0);
  CHECK(rig.handled == offsets{0, 2});
  CHECK(rig.kit->state().already_out == 2);
  rig.answer({"a", "c"});
  CHECK(rig.kit->committable() == 4);
  CHECK(rig.kit->state().out == 2);
  CHECK(rig.kit->state().partitions[0].in_flight == 0);
}

TEST_CASE("I2: what is out, but was not when the map was committed, comes again") {
  map_rig rig;
  rig.feed({"a", "b", "c"});
  rig.answer({"b"});
  rig.kit->commit();
  rig.answer({"c"});
  rig.crash_and_restart();
  CHECK(rig.handled == offsets{0, 2});
}

TEST_CASE("I2: an event whose outputs are not acknowledged is not in the map") {
  map_rig rig{{}, test_acks::by_hand};
  rig.feed({"a", "b", "c"});
  rig.answer({"b", "c"});
  CHECK(rig.reached().beyond.empty());
  rig.kit->acknowledge(1);
  CHECK(rig.reached().beyond == runs{{2, 3}});
}

TEST_CASE("a commit whose offset stays carries the map all the same, a hand-over's, too") {
  map_rig rig;
  rig.feed({"a", "b", "c"});
  rig.kit->commit();
  auto before = rig.kit->state().commits;
  rig.answer({"b"});
  rig.kit->commit();
  CHECK(rig.kit->state().commits == before + 1);
  rig.kit->commit();
  CHECK(rig.kit->state().commits == before + 1); // nothing has changed
  rig.answer({"c"});
  rig.handled.clear();
  rig.kit->revoke();
  rig.kit->advance(2s);
  REQUIRE(rig.kit->state(0) == lifecycle::unassigned);
  rig.kit->assign();
  CHECK(rig.handled == offsets{0});
}

TEST_CASE("a map that is inherited is handed on before all of its records have come again") {
  map_rig rig{{.credit = 2}};
  rig.feed({"a", "b", "c", "d", "e", "f"});
  rig.answer({"b", "c", "d"}); // those beyond the credit follow when there is room
  rig.kit->commit();
  auto committed = rig.reached();
  REQUIRE(committed.beyond == runs{{1, 4}});
  rig.crash_and_restart();
  CHECK(rig.reached().offset == 0);
  CHECK(rig.reached().beyond == runs{{1, 4}});
  rig.crash_and_restart(); // before anything was committed
  rig.answer({"a"});
  CHECK(rig.kit->committable() == 4);
}

TEST_CASE("the position may be committed within an inherited map") {
  map_rig rig;
  rig.feed({"a", "b", "c"});
  rig.answer({"b", "c"});
  rig.kit->commit();
  rig.crash_and_restart();
  rig.answer({"a"});
  CHECK(rig.kit->committable() == 3);
  CHECK(rig.reached().beyond.empty());
  CHECK_FALSE(rig.meter().beyond);
}

TEST_CASE("a batch whose records are all out before is over at once") {
  map_rig rig;
  rig.feed({"a"});
  rig.feed({"b", "c"});
  rig.feed({"d"});
  rig.answer({"b", "c"});
  rig.kit->commit();
  rig.crash_and_restart();
  CHECK(rig.handled == offsets{0, 3});
  rig.answer({"d", "a"});
  CHECK(rig.kit->committable() == 4);
}

TEST_CASE("I7: with by_event nothing waits for records that were out before") {
  map_rig rig{{.output_order = output_order::by_event}};
  rig.feed({"a", "b"});
  rig.session().seat_of(0).committed = 0; // as another order had left it
  rig.session().seat_of(0).metadata = core::encode({{}, {{1, 3}, {4, 5}}}, 0);
  rig.crash_and_restart();
  rig.feed({"c", "d", "e", "f"});
  CHECK(rig.handled == offsets{0, 3, 5});
  auto before = rig.kit->outputs().size();
  rig.answer({"f", "d"});
  CHECK(rig.kit->outputs().size() == before);
  rig.answer({"a"});
  CHECK(rig.kit->outputs().size() == before + 3);
  CHECK(rig.kit->committable() == 6);
}

TEST_CASE("the meter says whether there is anything beyond the committable offset") {
  map_rig rig;
  CHECK_FALSE(rig.meter().beyond);
  rig.feed({"a", "b", "c"});
  CHECK_FALSE(rig.meter().beyond);
  rig.answer({"b"});
  CHECK(rig.meter().beyond);
  rig.answer({"a"});
  CHECK_FALSE(rig.meter().beyond);
}
