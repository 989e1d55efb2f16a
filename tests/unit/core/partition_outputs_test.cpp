// From released to out: what the producer takes, refuses, and reports.
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using Catch::Matchers::Contains;

/// A record's value says how many outputs its handler sends, and with a `w` behind it that a job
/// follows.
struct outputs_rig : fakes::partition_rig {
  std::vector<int64_t> handled;

  outputs_rig() {
    auto work = fakes::add_stage<no_store, std::string, int>(
      *source, "work", blocking([](std::string_view, std::string&) { return 1; }),
      [](context<>&, std::string_view, std::string&, caf::expected<int>) { return complete; });
    on_default([this, work](context<>& ctx, const record& rec) {
      handled.push_back(rec.offset);
      for (auto left = rec.value[0] - '0'; left > 0; --left)
        ctx.forward({.topic = "out", .value = std::to_string(rec.offset)});
      return rec.value.ends_with('w') ? work.schedule(ctx, rec.key, std::string{}) : complete;
    });
  }
};

fakes::test_record rec(int64_t offset, std::string key, int outputs, bool works = false) {
  return {offset, std::move(key), std::to_string(outputs) + (works ? "w" : "")};
}

using values = std::vector<std::string>;
using offsets = std::vector<int64_t>;

} // namespace

TEST_CASE("I2: an event is out when the last of its outputs is acknowledged, in whatever order") {
  outputs_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 3)}));
  rig.report(2);
  rig.report(0);
  CHECK(rig.core->committable() == 0);
  CHECK(rig.totals.forwarded == 2);
  rig.report(0);
  CHECK(rig.core->committable() == 1);
  CHECK(rig.totals.forwarded == 3);
}

TEST_CASE(
  "I1: an acknowledgement that overtakes an earlier event's does not move what is committable") {
  outputs_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 1), rec(1, "b", 1)}));
  rig.report(1);
  CHECK(rig.totals.out == 1);
  CHECK(rig.core->committable() == 0);
  rig.report(0);
  CHECK(rig.core->committable() == 2);
}

TEST_CASE("I7: what the producer's queue had no room for goes before what is released later") {
  outputs_rig rig;
  rig.outputs.room = 2;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 1, true), rec(1, "b", 1, true), rec(2, "c", 3)}));
  REQUIRE(rig.core->has_unsent());
  rig.outputs.room = 9;
  rig.answer_all();
  CHECK(rig.outputs.values == values{"2", "2"});
  rig.core->retry_unsent();
  CHECK(rig.outputs.values == values{"2", "2", "2", "0", "1"});
  CHECK_FALSE(rig.core->has_unsent());
}

TEST_CASE("I2: a half-sent event is not out when the part that was sent is acknowledged") {
  outputs_rig rig;
  rig.outputs.room = 1;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 2)}));
  rig.report(0);
  CHECK(rig.core->committable() == 0);
  CHECK(rig.core->has_unsent());
  rig.outputs.room = 1;
  rig.core->retry_unsent();
  rig.report(0);
  CHECK(rig.core->committable() == 1);
}

TEST_CASE(
  "an event without outputs that is released behind a full queue is out once the queue has room") {
  outputs_rig rig;
  rig.outputs.room = 0;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 0, true), rec(1, "b", 1)}));
  rig.answer_all();
  CHECK(rig.core->committable() == 0);
  rig.outputs.room = 1;
  rig.core->retry_unsent();
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("I8: no handler runs while the producer's queue is full, but finalizers do") {
  outputs_rig rig;
  rig.outputs.room = 0;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 0, true), rec(1, "b", 1), rec(2, "c", 0)}));
  CHECK(rig.handled == offsets{0, 1});
  rig.answer_all();
  CHECK(rig.meters[0].jobs == 0);
  CHECK(rig.handled == offsets{0, 1});
  rig.outputs.room = 1;
  rig.core->retry_unsent();
  CHECK(rig.handled == offsets{0, 1, 2});
}

TEST_CASE("a report of the producer is a chance to send what had no room") {
  outputs_rig rig;
  rig.outputs.room = 1;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 1), rec(1, "b", 1), rec(2, "c", 0)}));
  REQUIRE(rig.core->has_unsent());
  rig.outputs.room = 1;
  rig.report(0);
  CHECK_FALSE(rig.core->has_unsent());
  CHECK(rig.handled == offsets{0, 1, 2});
}

TEST_CASE("what is taken in on a retry is judged by the time of the retry") {
  outputs_rig rig;
  rig.source->config.chain_time = std::chrono::milliseconds{10};
  rig.outputs.room = 0;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 0, true), rec(1, "b", 1), rec(2, "a", 0)}));
  rig.clock.advance(std::chrono::milliseconds{11});
  rig.outputs.room = 1;
  rig.core->retry_unsent();
  CHECK(rig.handled == offsets{0, 1}); // the chain of key a is closed
  rig.answer_all();
  CHECK(rig.handled == offsets{0, 1, 2});
}

TEST_CASE("the poller is woken when records get out while it waits for credit, and only then") {
  outputs_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 1)}));
  rig.meter.starved = true;
  CHECK(rig.intake.woken == 0);
  rig.acknowledge_all();
  CHECK(rig.intake.woken == 1);
  CHECK(rig.meter.in_flight == 0);
  rig.take(fakes::make_batch({rec(1, "a", 0)}));
  CHECK(rig.intake.woken == 1);
}

TEST_CASE("a partition that fails twice reports its stop once") {
  outputs_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 1), rec(1, "b", 1)}));
  rig.report(0, caf::make_error(errc::produce_failed, "too large"));
  rig.report(0, caf::make_error(errc::produce_failed, "too large"));
  CHECK(rig.incidents.stops.size() == 1);
}

TEST_CASE("I2: an event whose output the producer refuses is not out, and the partition stops") {
  outputs_rig rig;
  rig.outputs.refuse = [](const outgoing_record& out) { return out.value == "1"; };
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 1), rec(1, "b", 2), rec(2, "c", 1)}));
  CHECK(rig.core->stopped());
  CHECK_THAT(rig.core->stop_reason(), Contains("offset 1") && Contains("refused by the fake"));
  rig.acknowledge_all();
  CHECK(rig.core->committable() == 1);
  CHECK(rig.core->drained());
}

TEST_CASE("I2: an event whose output is reported as refused is not out, whatever else of it was "
          "acknowledged") {
  outputs_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 3), rec(1, "b", 1)}));
  rig.report(1, caf::make_error(errc::produce_failed, "too large"));
  CHECK(rig.core->stopped());
  rig.acknowledge_all();
  CHECK(rig.core->committable() == 0);
  CHECK(rig.totals.out == 1);
  CHECK(rig.core->drained());
}

TEST_CASE("a stopped partition is drained once the outputs it handed over are acknowledged") {
  outputs_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 1), rec(1, "b", 1, true)}));
  rig.core->stop(caf::make_error(errc::kafka_failed, "gone"));
  CHECK_FALSE(rig.core->drained());
  rig.acknowledge_all();
  CHECK(rig.core->drained());
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("a stopped partition does not send what had no room") {
  outputs_rig rig;
  rig.outputs.room = 1;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 2)}));
  rig.core->stop(caf::make_error(errc::kafka_failed, "gone"));
  CHECK_FALSE(rig.core->has_unsent());
  rig.outputs.room = 9;
  rig.acknowledge_all();
  rig.core->retry_unsent();
  CHECK(rig.outputs.values == values{"0"});
  CHECK(rig.core->committable() == 0);
}

TEST_CASE("a refusal reported of a half-sent event leaves nothing to wait for") {
  outputs_rig rig;
  rig.outputs.room = 1;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 2)}));
  REQUIRE(rig.core->has_unsent());
  rig.report(0, caf::make_error(errc::produce_failed, "too large"));
  CHECK(rig.core->stopped());
  CHECK(rig.core->drained());
}

TEST_CASE(
  "a refusal reported of a half-sent event after the stop leaves the others' reports to wait for") {
  outputs_rig rig;
  rig.outputs.room = 2;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", 1), rec(1, "b", 2)}));
  REQUIRE(rig.core->has_unsent());
  rig.core->stop(caf::make_error(errc::kafka_failed, "gone"));
  CHECK_FALSE(rig.core->drained());
  rig.report(1, caf::make_error(errc::produce_failed, "too large"));
  CHECK_FALSE(rig.core->drained());
  rig.acknowledge_all();
  CHECK(rig.core->drained());
  CHECK(rig.core->committable() == 1);
}
