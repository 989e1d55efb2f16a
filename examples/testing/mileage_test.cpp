// Tests of the pipeline in mileage.hpp with keyloom's testkit and Catch2: no broker, no thread, no
// waiting. docs/testing.md explains them. Build and run:
//
//   cmake --build --preset dev --target example_testing && build/dev/examples/example_testing
#include "mileage.hpp"

#include <keyloom/testkit.hpp>

#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using mileage::leg;
using mileage::report;
using values = std::vector<std::string>;

struct fixture {
  keyloom::test_system system;
  keyloom::event_source<mileage::ledger> source;

  explicit fixture(const mileage::services& outside = {})
    : source{system, {.group = "test", .topic = "legs"}, [] { return mileage::ledger{}; }} {
    define(source, outside);
  }
};

keyloom::test_record flown(const std::string& tail, int miles) {
  nlohmann::json value = leg{tail, miles};
  return {.key = tail, .value = value.dump(), .type = "legs-2013-01"};
}

} // namespace

TEST_CASE("a leg passes three stages, and its miles get into ledger, topic and commit") {
  fixture with;
  keyloom::testkit kit{with.source};
  auto seats = kit.stage<leg, int>("seats");
  auto send = kit.stage<report, void>("send");

  kit.feed_batch({flown("N1", 100), flown("N2", 50), flown("N1", 1000)});
  REQUIRE(seats.keys() == values{"N1", "N2"}); // the second leg of N1 waits for the first
  CHECK(seats.next("N1").job().distance_mi == 100);
  seats.next("N2").answer(10);
  seats.next("N1").answer(3);

  kit.stage<report, int64_t>("multiply").next("N1").run(); // the function itself
  CHECK(send.next("N1").job().seat_miles == 300);
  CHECK(kit.values().empty());
  send.next("N1").answer();
  CHECK(kit.values("mileage") == values{"300"});
  CHECK(kit.store().miles("N1") == 300);

  kit.commit();
  CHECK(kit.committed() == 1); // N2's leg, the next one, is not out
  CHECK(seats.keys() == values{"N1"});
}

TEST_CASE("an aircraft that is not in the registry is passed over") {
  fixture with;
  keyloom::testkit kit{with.source};
  kit.feed(flown("N1", 100));
  kit.stage<leg, int>("seats").next().answer(0);
  CHECK(kit.pending() == 0);
  CHECK(kit.values().empty());
  CHECK(kit.committable() == 1);
}

TEST_CASE("a registry that does not answer stops the partition, and nothing is lost") {
  fixture with;
  keyloom::testkit kit{with.source};
  kit.feed(flown("N1", 100));
  kit.stage<leg, int>("seats").next().fail(keyloom::errc::processor_failed, "no connection");
  CHECK(kit.state(0) == keyloom::lifecycle::stopped);
  CHECK_THAT(kit.stop_reason(), Contains("offset 0, key 'N1', stage 'seats': no connection"));
  CHECK(kit.committable() == 0);
}

TEST_CASE(
  "a registry that takes too long stops the partition, and its late answer changes nothing") {
  fixture with;
  keyloom::testkit kit{with.source};
  kit.feed(flown("N1", 100));
  auto job = kit.stage<leg, int>("seats").next();
  kit.advance(1999ms);
  CHECK(kit.state(0) == keyloom::lifecycle::active);
  kit.advance(1ms);
  CHECK_THAT(kit.stop_reason(),
             Contains("offset 0, key 'N1', stage 'seats'") && Contains("2000 ms"));
  job.answer(3);
  CHECK(kit.values().empty());
  CHECK(kit.state().stages[0].name == "send");
  CHECK(kit.state().stages[2].late_answers == 1);
}

TEST_CASE("whenever the process crashes, every leg is reported") {
  for (auto seed : keyloom::test_seeds(50)) {
    std::map<std::string, int64_t> received; // outside of the process: a crash does not touch it
    fixture with{{.seats = [](const std::string&) { return 2; },
                  .send =
                    [&](const report& r) {
                      received[r.tailnum] += r.seat_miles;
                      return caf::error{};
                    }}};
    keyloom::testkit kit{with.source, {.seed = seed, .acks = keyloom::test_acks::in_steps}};
    INFO(kit.describe());
    for (int i = 1; i <= 10; ++i)
      kit.feed(flown("N" + std::to_string(i % 3), i));
    kit.run(seed); // the later the seed, the more is done
    kit.commit();
    kit.crash();
    kit.restart();
    kit.run();
    kit.commit();
    CHECK(kit.committed() == 10);
    CHECK(received["N0"] >= 2 * (3 + 6 + 9)); // some came twice: at least once
    CHECK(received["N1"] >= 2 * (1 + 4 + 7 + 10));
    CHECK(received["N2"] >= 2 * (2 + 5 + 8));
  }
}
