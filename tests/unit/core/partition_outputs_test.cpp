// From released to out: what the producer takes, refuses, and reports.
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;
using offsets = std::vector<int64_t>;

/// How soon what had no room is tried again.
constexpr auto retry = 5ms;

/// A record's value says how many outputs its handler sends, and with a `w` behind it that a job
/// follows. Outputs are acknowledged by hand.
struct outputs_rig : fakes::kit_rig<> {
  offsets handled;

  explicit outputs_rig(source_config cfg = {}) : kit_rig(std::move(cfg)) {
    auto work = source.stage<std::string, int>("work", blocking([](std::string_view, std::string&) {
                                                 return 1;
                                               }));
    source.on_default([this, work](context<>& ctx, const record& rec) {
      handled.push_back(rec.offset);
      for (auto left = rec.value[0] - '0'; left > 0; --left)
        ctx.forward({.topic = "out", .value = std::to_string(rec.offset)});
      return rec.value.ends_with('w') ? work.schedule(ctx, rec.key, std::string{}) : complete;
    });
    start({.acks = test_acks::by_hand});
  }

  void take(std::vector<test_record> records) { kit->feed_batch(std::move(records)); }
  bool stopped() { return kit->state(0) == lifecycle::stopped; }
};

test_record rec(std::string key, int outputs, bool works = false) {
  return {.key = std::move(key), .value = std::to_string(outputs) + (works ? "w" : "")};
}

} // namespace

TEST_CASE("I2: an event is out when the last of its outputs is acknowledged, in whatever order") {
  outputs_rig rig;
  rig.take({rec("a", 3)});
  rig.kit->acknowledge(2);
  rig.kit->acknowledge(0);
  CHECK(rig.kit->committable() == 0);
  CHECK(rig.kit->state().forwarded == 2);
  rig.kit->acknowledge(1);
  CHECK(rig.kit->committable() == 1);
  CHECK(rig.kit->state().forwarded == 3);
}

TEST_CASE("a record is forwarded as it is, in its place among the other outputs of its turn") {
  auto exactly_once = GENERATE(false, true);
  fakes::kit_rig<> rig{{.on_error = failure_action::skip, .exactly_once = exactly_once}};
  rig.source.on_default([](context<>& ctx, const record& rec) {
    ctx.forward(rec, "copies");
    ctx.forward({.topic = "out", .value = "in between"});
    ctx.forward(rec, "more copies");
    if (rec.key == "fails")
      throw std::runtime_error{"as it has to"};
    return complete;
  });
  rig.start();
  rig.kit->feed({.key = "fails", .value = "v"});
  rig.kit->feed({.key = "k", .value = std::nullopt});
  rig.kit->feed({.key = std::nullopt, .value = ""});
  rig.kit->commit();
  auto& found = rig.kit->outputs();
  REQUIRE(found.size() == 6);
  auto at = [&found](size_t i) { return found[i].topic + ": " + found[i].value.value_or("null"); };
  CHECK(at(0) == "copies: null");
  CHECK(at(1) == "out: in between");
  CHECK(at(2) == "more copies: null");
  CHECK(found[2].key == "k");
  CHECK(at(3) == "copies: ");
  CHECK(found[3].key == std::nullopt);
}

TEST_CASE(
  "I1: an acknowledgement that overtakes an earlier event's does not move what is committable") {
  outputs_rig rig;
  rig.take({rec("a", 1), rec("b", 1)});
  rig.kit->acknowledge(1);
  CHECK(rig.kit->state().out == 1);
  CHECK(rig.kit->committable() == 0);
  rig.kit->acknowledge(0);
  CHECK(rig.kit->committable() == 2);
}

TEST_CASE("I7: what the producer's queue had no room for goes before what is released later") {
  outputs_rig rig;
  rig.kit->producer_room(2);
  rig.take({rec("a", 1, true), rec("b", 1, true), rec("c", 3)});
  REQUIRE(rig.core().has_unsent());
  rig.kit->producer_room(9);
  auto work = rig.kit->stage<std::string, int>("work");
  work.next("a").run();
  work.next("b").run();
  CHECK(rig.kit->values() == values{"2", "2"});
  rig.kit->advance(retry);
  CHECK(rig.kit->values() == values{"2", "2", "2", "0", "1"});
  CHECK_FALSE(rig.core().has_unsent());
}

TEST_CASE("I2: a half-sent event is not out when the part that was sent is acknowledged") {
  outputs_rig rig;
  rig.kit->producer_room(1);
  rig.take({rec("a", 2)});
  rig.kit->acknowledge(0);
  CHECK(rig.kit->committable() == 0);
  CHECK(rig.core().has_unsent());
  rig.kit->producer_room(1);
  rig.kit->advance(retry);
  rig.kit->acknowledge(1);
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("an event without outputs is out at once, whatever waits for the producer") {
  outputs_rig rig;
  rig.kit->producer_room(0);
  rig.take({rec("a", 0, true), rec("b", 1)});
  rig.kit->run();
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE(
  "I7: outputs of many events leave in the order of their release, as far as there is room") {
  outputs_rig rig;
  rig.kit->producer_room(4);
  rig.take({rec("a", 2), rec("b", 0), rec("c", 3), rec("d", 1)});
  rig.kit->acknowledge_all();
  CHECK(rig.kit->committable() == 2); // one output of c is missing
  rig.kit->producer_room(9);
  rig.kit->advance(retry);
  std::vector<int64_t> sources;
  for (auto& each : rig.kit->outputs())
    sources.push_back(each.source_offset);
  CHECK(sources == std::vector<int64_t>{0, 0, 2, 2, 2, 3});
  rig.kit->acknowledge_all();
  CHECK(rig.kit->committable() == 4);
}

TEST_CASE("what was released before an output is refused may get out, what was after it does not") {
  outputs_rig rig;
  rig.kit->refuse_outputs([](const outgoing_record& each) { return each.value == "1"; });
  rig.take({rec("a", 1), rec("b", 2), rec("c", 1)});
  CHECK(rig.core().stopped());
  REQUIRE(rig.kit->outputs().size() == 1); // of a
  rig.kit->acknowledge_all();
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("I8: no handler runs while the producer's queue is full, but finalizers do") {
  outputs_rig rig;
  rig.kit->producer_room(0);
  rig.take({rec("a", 0, true), rec("b", 1)});
  rig.take({rec("c", 0)});
  CHECK(rig.handled == offsets{0, 1});
  rig.kit->run();
  CHECK(rig.session().stage_meter(0).jobs == 0);
  CHECK(rig.handled == offsets{0, 1});
  rig.kit->producer_room(1);
  rig.kit->advance(retry);
  CHECK(rig.handled == offsets{0, 1, 2});
}

TEST_CASE("a report of the producer is a chance to send what had no room") {
  outputs_rig rig;
  rig.kit->producer_room(1);
  rig.take({rec("a", 1), rec("b", 1), rec("c", 0)});
  REQUIRE(rig.core().has_unsent());
  rig.kit->producer_room(1);
  rig.kit->acknowledge(0);
  CHECK_FALSE(rig.core().has_unsent());
  CHECK(rig.handled == offsets{0, 1, 2});
}

TEST_CASE("what is taken in on a retry is judged by the time of the retry") {
  outputs_rig rig{{.chain_time = 10ms}};
  rig.kit->producer_room(0);
  rig.take({rec("a", 0, true), rec("b", 1)});
  rig.take({rec("a", 0)});
  rig.kit->advance(9ms);
  rig.kit->producer_room(1);
  rig.kit->advance(2ms);
  CHECK(rig.handled == offsets{0, 1}); // the chain of key a is closed
  rig.kit->run();
  CHECK(rig.handled == offsets{0, 1, 2});
}

TEST_CASE("the poller is woken when records get out while it waits for credit, and only then") {
  outputs_rig rig{{.credit = 4}};
  auto wake_ups = [&rig] { return rig.session().seat_of(0).now->wake_ups; };
  rig.take({rec("a", 1), rec("a", 1), rec("a", 1)});
  CHECK_FALSE(rig.meter().starved);
  rig.take({rec("a", 1), rec("a", 1)});
  CHECK(rig.handled.size() == 4);
  CHECK(rig.meter().starved);
  CHECK(wake_ups() == 0);
  rig.kit->acknowledge(0);
  CHECK(wake_ups() == 1);
  CHECK(rig.handled.size() == 5);
  rig.kit->acknowledge_all();
  CHECK(rig.meter().in_flight == 0);
  auto before = wake_ups();
  rig.take({rec("a", 0)});
  CHECK(wake_ups() == before);
}

TEST_CASE("a partition that fails twice reports its stop once") {
  outputs_rig rig;
  rig.take({rec("a", 1), rec("b", 1)});
  rig.kit->refuse(0);
  rig.kit->refuse(1);
  CHECK(rig.kit->state().errors.size() == 1);
}

TEST_CASE("I2: an event whose output the producer refuses is not out, and the partition stops") {
  outputs_rig rig;
  rig.kit->refuse_outputs([](const outgoing_record& out) { return out.value == "1"; });
  rig.take({rec("a", 1), rec("b", 2), rec("c", 1)});
  CHECK(rig.stopped());
  CHECK_THAT(rig.kit->stop_reason(), Contains("offset 1") && Contains("the test refused"));
  rig.kit->acknowledge_all();
  CHECK(rig.kit->committable() == 1);
  CHECK(rig.core().drained());
}

TEST_CASE("I2: an event whose output is reported as refused is not out, whatever else of it was "
          "acknowledged") {
  outputs_rig rig;
  rig.take({rec("a", 3), rec("b", 1)});
  rig.kit->refuse(1);
  CHECK(rig.stopped());
  rig.kit->acknowledge_all();
  CHECK(rig.kit->committable() == 0);
  CHECK(rig.kit->state().out == 1);
  CHECK(rig.core().drained());
}

TEST_CASE("a stopped partition is drained once the outputs it handed over are acknowledged") {
  outputs_rig rig;
  rig.take({rec("a", 1), rec("b", 1, true)});
  rig.kit->fail_intake(caf::make_error(errc::kafka_failed, "gone"));
  CHECK_FALSE(rig.core().drained());
  rig.kit->acknowledge_all();
  CHECK(rig.core().drained());
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("a stopped partition does not send what had no room") {
  outputs_rig rig;
  rig.kit->producer_room(1);
  rig.take({rec("a", 2)});
  rig.kit->fail_intake(caf::make_error(errc::kafka_failed, "gone"));
  CHECK_FALSE(rig.core().has_unsent());
  rig.kit->producer_room(9);
  rig.kit->acknowledge_all();
  rig.core().retry_unsent();
  CHECK(rig.kit->values() == values{"0"});
  CHECK(rig.kit->committable() == 0);
}

TEST_CASE("a refusal reported of a half-sent event leaves nothing to wait for") {
  outputs_rig rig;
  rig.kit->producer_room(1);
  rig.take({rec("a", 2)});
  REQUIRE(rig.core().has_unsent());
  rig.kit->refuse(0);
  CHECK(rig.stopped());
  CHECK(rig.core().drained());
}

TEST_CASE(
  "a refusal reported of a half-sent event after the stop leaves the others' reports to wait for") {
  outputs_rig rig;
  rig.kit->producer_room(2);
  rig.take({rec("a", 1), rec("b", 2)});
  REQUIRE(rig.core().has_unsent());
  rig.kit->fail_intake(caf::make_error(errc::kafka_failed, "gone"));
  CHECK_FALSE(rig.core().drained());
  rig.kit->refuse(1);
  CHECK_FALSE(rig.core().drained());
  rig.kit->acknowledge_all();
  CHECK(rig.core().drained());
  CHECK(rig.kit->committable() == 1);
}
