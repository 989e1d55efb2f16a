// How a partition ends: drained, then given up.
#include "tests/fakes/batches.hpp"
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using values = std::vector<std::string>;

/// A record with value `job` schedules one for its key, the finalizer of which sends; `out` sends
/// at once; anything else is complete at once. Outputs are acknowledged by hand.
struct drain_rig : fakes::kit_rig<> {
  size_t handled = 0;

  explicit drain_rig(source_config cfg = {.key_turns = key_turns::interleaved})
    : kit_rig(std::move(cfg)) {
    auto send = [](context<>& ctx) {
      ctx.forward({.topic = "out", .value = std::to_string(ctx.offset())});
      return complete;
    };
    auto finalizer = [send](context<>& ctx, std::string_view, std::string&, caf::expected<int>) {
      return send(ctx);
    };
    auto stage = source.stage<std::string, int>(
      "work", blocking([](std::string_view, std::string&) { return 1; }), finalizer);
    source.on_default([this, stage, send](context<>& ctx, const record& rec) {
      ++handled;
      if (rec.value == "job")
        return stage.schedule(ctx, rec.key, std::string{});
      return rec.value == "out" ? send(ctx) : complete;
    });
    start({.acks = test_acks::by_hand});
  }

  void take(std::vector<test_record> records) { kit->feed_batch(std::move(records)); }
  test_stage<std::string, int> work() { return kit->stage<std::string, int>("work"); }
  bool drained() { return kit->state(0) == lifecycle::unassigned; }
};

} // namespace

TEST_CASE("a partition with nothing to do is drained at once") {
  drain_rig rig;
  rig.kit->revoke();
  CHECK(rig.drained());
}

TEST_CASE("a drain waits for jobs, for room in the producer's queue and for acknowledgements") {
  drain_rig rig;
  rig.kit->producer_room(0);
  rig.take({{"a", "job"}});
  rig.kit->revoke();
  CHECK(rig.kit->state(0) == lifecycle::draining);
  CHECK_FALSE(rig.drained());
  rig.kit->run();
  CHECK_FALSE(rig.drained());
  rig.kit->producer_room(1);
  rig.kit->advance(5ms);
  CHECK_FALSE(rig.drained());
  rig.kit->acknowledge_all();
  CHECK(rig.drained());
  CHECK(rig.kit->committed() == 1);
}

TEST_CASE("a drain takes nothing more in, even what was on its way already") {
  drain_rig rig;
  rig.take({{"a", "job"}});
  rig.kit->revoke();
  CHECK_FALSE(rig.meter().open);
  rig.meter().in_flight += 1;
  rig.core().take(fakes::make_batch({1}));
  CHECK(rig.meter().in_flight == 1);
  CHECK(rig.handled == 1);
}

TEST_CASE("I1: records the drain dropped before their handlers ran are not committed") {
  drain_rig rig{{.output_order = output_order::none, .key_turns = key_turns::serial}};
  rig.take({{"a", "job"}, {"a", ""}, {"b", ""}});
  REQUIRE(rig.handled == 2);
  rig.kit->revoke();
  rig.kit->run();
  rig.kit->acknowledge_all();
  CHECK(rig.handled == 2);
  CHECK(rig.drained());
  CHECK(rig.kit->committed() == 1);
}

TEST_CASE("a drain drops what waits for room in the producer's queue") {
  drain_rig rig;
  rig.kit->producer_room(0);
  rig.take({{"a", "out"}});
  rig.take({{"b", "out"}});
  REQUIRE(rig.handled == 1);
  rig.kit->revoke();
  rig.kit->producer_room(9);
  rig.kit->advance(5ms);
  rig.kit->acknowledge_all();
  CHECK(rig.handled == 1);
  CHECK(rig.drained());
  CHECK(rig.kit->committed() == 1);
}

TEST_CASE("a drain does not wait for a complete event behind one that was dropped, by_event") {
  drain_rig rig{{.output_order = output_order::by_event, .key_turns = key_turns::serial}};
  rig.take({{"a", "job"}, {"a", "out"}, {"b", "out"}, {"c", "job"}});
  REQUIRE(rig.handled == 3);
  rig.kit->revoke();
  rig.work().next("a").run();
  rig.kit->acknowledge_all();
  CHECK_FALSE(rig.drained()); // the job of c
  rig.kit->run();
  CHECK(rig.kit->values() == values{"0"});
  CHECK(rig.drained());
  CHECK(rig.kit->committed() == 1);
}

TEST_CASE("a stop during a drain waits for acknowledgements only") {
  drain_rig rig;
  rig.take({{"a", "job"}, {"b", "out"}});
  rig.kit->revoke();
  rig.kit->fail_intake(caf::make_error(errc::kafka_failed, "gone"));
  CHECK_FALSE(rig.drained());
  rig.kit->acknowledge_all();
  CHECK(rig.drained());
  CHECK(rig.kit->committed() == 0); // for the map that names b
}

TEST_CASE("I12: a partition that is given up returns what it held to the meters") {
  drain_rig rig;
  rig.take({{"a", "job"}, {"b", "job"}, {"b", ""}});
  auto& totals = rig.session().totals();
  auto& work = rig.session().stage_meter(0);
  REQUIRE(totals.in_flight == 3);
  REQUIRE(work.jobs == 2);
  REQUIRE(work.keys == 2);
  rig.kit->lose();
  CHECK(totals.in_flight == 0);
  CHECK(work.jobs == 0);
  CHECK(work.keys == 0);
  CHECK(totals.out == 0);
  CHECK(rig.kit->state(0) == lifecycle::unassigned);
}

TEST_CASE("I6: a call that has not begun when the partition is given up is told so") {
  drain_rig rig;
  rig.take({{"a", "job"}});
  auto memory = rig.core().memory();
  CHECK_FALSE(memory->given_up());
  rig.kit->lose();
  CHECK(memory->given_up());
}

TEST_CASE("I6: a job that is worked on keeps its memory when its partition is gone, and says when "
          "it is done") {
  drain_rig rig;
  bool gone = false;
  rig.take({{"a", "job"}});
  rig.core().memory()->on_gone([&gone] { gone = true; });
  auto late = rig.work().next();
  late.begin();
  rig.kit->lose();
  CHECK_FALSE(gone);
  CHECK(late.job().empty());
  late.run();
  CHECK(gone);
}

TEST_CASE("I6: what comes back after the partition was given up changes nothing") {
  drain_rig rig;
  rig.kit->producer_room(1);
  rig.take({{"a", "job"}, {"b", "out"}, {"c", "out"}});
  auto& core = rig.core();
  REQUIRE(core.has_unsent());
  auto job = rig.work().next();
  core.give_up();
  rig.kit->producer_room(9);
  job.run();
  rig.kit->acknowledge_all();
  core.retry_unsent();
  core.stop(caf::make_error(errc::kafka_failed, "gone"));
  core.give_up();
  rig.meter().in_flight += 1;
  core.take(fakes::make_batch({3}));
  CHECK(rig.kit->values() == values{"1"});
  CHECK(core.committable() == 0);
  CHECK(core.state() == lifecycle::unassigned);
  CHECK(rig.kit->state().errors.empty());
  CHECK(rig.kit->state().out == 0);
  CHECK(rig.session().totals().in_flight == 0);
  CHECK(rig.session().stage_meter(0).jobs == 0);
  CHECK(rig.session().stage_meter(0).keys == 0);
}

TEST_CASE("I6: a call that returns after its partition was given up changes nothing") {
  fakes::kit_rig rig;
  auto work = rig.source.stage<int, void>("work", blocking([](std::string_view, int&) {}),
                                          [](context<>&, std::string_view, int&,
                                             caf::expected<void>) { return complete; },
                                          {.timeout = 10ms});
  rig.source.on_default(
    [work](context<>& ctx, const record& rec) { return work.schedule(ctx, rec.key, 1); });
  rig.start();
  rig.kit->feed({.key = "a"});
  rig.kit->advance(10ms);
  auto& meter = rig.session().stage_meter(0);
  REQUIRE(meter.timed_out == 1);
  REQUIRE(meter.keys == 1);
  rig.core().give_up();
  CHECK(meter.keys == 0);
  rig.core().call_returned(0, 0, 1);
  CHECK(meter.late_answers == 0);
  CHECK(meter.keys == 0);
  CHECK(rig.desk().slots_idle() == 0);
}
