// How a partition ends: drained, then given up.
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;

/// A record with value `job` schedules one for its key, the finalizer of which sends; `out` sends
/// at once; anything else is complete at once.
struct drain_rig : fakes::partition_rig {
  size_t handled = 0;

  explicit drain_rig(output_order order = output_order::by_key,
                     key_turns turns = key_turns::interleaved) {
    source->config.output_order = order;
    source->config.key_turns = turns;
    auto send = [](context<>& ctx) {
      ctx.forward({.topic = "out", .value = std::to_string(ctx.offset())});
      return complete;
    };
    auto finalizer = [send](context<>& ctx, std::string_view, std::string&, caf::expected<int>) {
      return send(ctx);
    };
    auto work = fakes::add_stage<no_store, std::string, int>(
      *source, "work", blocking([](std::string_view, std::string&) { return 1; }), finalizer);
    on_default([this, work, send](context<>& ctx, const record& rec) {
      ++handled;
      if (rec.value == "job")
        return work.schedule(ctx, rec.key, std::string{});
      return rec.value == "out" ? send(ctx) : complete;
    });
  }
};

fakes::test_record rec(int64_t offset, std::string key, std::string value) {
  return {offset, std::move(key), std::move(value)};
}

} // namespace

TEST_CASE("a partition with nothing to do is drained at once") {
  drain_rig rig;
  rig.start();
  rig.core->begin_drain();
  CHECK(rig.core->drained());
  CHECK(rig.core->state() == lifecycle::draining);
}

TEST_CASE("a drain waits for jobs, for room in the producer's queue and for acknowledgements") {
  drain_rig rig;
  rig.outputs.room = 0;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "job")}));
  rig.core->begin_drain();
  CHECK_FALSE(rig.core->drained());
  rig.answer_all();
  CHECK_FALSE(rig.core->drained());
  rig.outputs.room = 1;
  rig.core->retry_unsent();
  CHECK_FALSE(rig.core->drained());
  rig.acknowledge_all();
  CHECK(rig.core->drained());
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("a drain takes nothing more in") {
  drain_rig rig;
  rig.start();
  rig.core->begin_drain();
  rig.take(fakes::make_batch({rec(0, "a", "")}));
  CHECK(rig.handled == 0);
  CHECK_FALSE(rig.meter.open);
  CHECK(rig.core->drained());
}

TEST_CASE("I1: records the drain dropped before their handlers ran are not committed") {
  drain_rig rig{output_order::none, key_turns::serial};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "job"), rec(1, "a", ""), rec(2, "b", "")}));
  REQUIRE(rig.handled == 2);
  rig.core->begin_drain();
  rig.answer_all();
  rig.acknowledge_all();
  CHECK(rig.handled == 2);
  CHECK(rig.core->drained());
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("a drain drops what waits for room in a stage") {
  drain_rig rig;
  rig.outputs.room = 0;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "out"), rec(1, "b", "out")}));
  REQUIRE(rig.handled == 1);
  rig.core->begin_drain();
  rig.outputs.room = 9;
  rig.core->retry_unsent();
  rig.acknowledge_all();
  CHECK(rig.handled == 1);
  CHECK(rig.core->drained());
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("a drain does not wait for a complete event behind one that was dropped, by_event") {
  drain_rig rig{output_order::by_event, key_turns::serial};
  rig.start();
  rig.take(fakes::make_batch(
    {rec(0, "a", "job"), rec(1, "a", "out"), rec(2, "b", "out"), rec(3, "c", "job")}));
  REQUIRE(rig.handled == 3);
  rig.core->begin_drain();
  rig.answer_key("a");
  rig.acknowledge_all();
  CHECK_FALSE(rig.core->drained()); // the job of c
  rig.answer_all();
  CHECK(rig.outputs.values == std::vector<std::string>{"0"});
  CHECK(rig.core->drained());
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("a stop during a drain waits for acknowledgements only") {
  drain_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "job"), rec(1, "b", "out")}));
  rig.core->begin_drain();
  rig.core->stop(caf::make_error(errc::kafka_failed, "gone"));
  CHECK_FALSE(rig.core->drained());
  rig.acknowledge_all();
  CHECK(rig.core->drained());
  CHECK(rig.core->committable() == 0);
}

TEST_CASE("I12: a partition that is given up returns what it held to the meters") {
  drain_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "job"), rec(1, "b", "job"), rec(2, "b", "")}));
  REQUIRE(rig.totals.in_flight == 3);
  REQUIRE(rig.meters[0].jobs == 2);
  REQUIRE(rig.meters[0].keys == 2);
  rig.core->give_up();
  CHECK(rig.totals.in_flight == 0);
  CHECK(rig.meters[0].jobs == 0);
  CHECK(rig.meters[0].keys == 0);
  CHECK(rig.totals.out == 0);
  CHECK(rig.core->state() == lifecycle::unassigned);
}

TEST_CASE("I6: a call that has not begun when the partition is given up is told so") {
  drain_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "job")}));
  auto memory = rig.core->memory();
  CHECK_FALSE(memory->given_up());
  rig.core->give_up();
  CHECK(memory->given_up());
}

TEST_CASE("I6: a job that is worked on keeps its memory when its partition is gone, and says when "
          "it is done") {
  drain_rig rig;
  rig.start();
  bool gone = false;
  rig.core->memory()->on_gone([&gone] { gone = true; });
  rig.take(fakes::make_batch({rec(0, "a", "job")}));
  auto late = rig.runs.answer({0, rig.runs.slot_of(0, "a")});
  rig.core->give_up();
  rig.core.reset();
  CHECK_FALSE(gone);
  CHECK(late.first->key == "a"); // in the record's memory
  late = {};
  CHECK(gone);
}

TEST_CASE("I6: what comes back after the partition was given up changes nothing") {
  drain_rig rig;
  rig.outputs.room = 1;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "job"), rec(1, "b", "out"), rec(2, "c", "out")}));
  REQUIRE(rig.core->has_unsent());
  rig.core->give_up();
  rig.outputs.room = 9;
  rig.answer_all();
  rig.acknowledge_all();
  rig.core->retry_unsent();
  rig.core->stop(caf::make_error(errc::kafka_failed, "gone"));
  rig.core->give_up();
  rig.take(fakes::make_batch({rec(3, "d", "out")}));
  CHECK(rig.outputs.values == std::vector<std::string>{"1"});
  CHECK(rig.core->committable() == 0);
  CHECK(rig.core->state() == lifecycle::unassigned);
  CHECK(rig.incidents.stops.empty());
  CHECK(rig.totals.out == 0);
  CHECK(rig.totals.in_flight == 0);
  CHECK(rig.meters[0].jobs == 0);
  CHECK(rig.meters[0].keys == 0);
}
