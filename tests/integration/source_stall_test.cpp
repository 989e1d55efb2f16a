// I10: a partition that stands still says so, in `state()` and in the log.
#include "tests/integration/child_process.hpp"
#include "tests/integration/child_worker.hpp"
#include "tests/integration/held_calls.hpp"
#include "tests/integration/mock_cluster.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <semaphore>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

std::string stall_of(const event_source<>& source) {
  for (auto& each : source.state().partitions)
    if (!each.stall.empty())
      return each.stall;
  return {};
}

} // namespace

TEST_CASE("I10: a call that does not return is told with offset, key and stage, until it has") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, {{.topic = in, .key = "fine", .value = "1", .partition = 0},
                {.topic = in, .key = "slow", .value = "1", .partition = 0}});
  held_calls calls;
  auto cfg = with.config(in);
  cfg.stall_warning = 200ms;
  event_source<> source{with.system, cfg};
  auto hold = source.stage<int, void>("hold", blocking([&calls](std::string_view key, int&) {
                                        if (key == "slow")
                                          calls.call(key);
                                      }));
  source.on_default(
    [hold](context<>& ctx, const record& rec) { return hold.schedule(ctx, rec.key, 1); });
  require_ok(source.start());
  std::string stall;
  REQUIRE(eventually([&] { return !(stall = stall_of(source)).empty(); }));
  CHECK(stall == "offset 1, key 'slow', stage 'hold', waits for a call that runs");
  calls.let_go();
  REQUIRE(eventually([&] { return stall_of(source).empty() && source.state().out == 2; }));
  source.stop();
}

TEST_CASE("I10: a handler that does not return is told, though its partition cannot answer") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, numbered(in, 0, 3));
  std::binary_semaphore release{0};
  auto cfg = with.config(in);
  cfg.stall_warning = 200ms;
  event_source<> source{with.system, cfg};
  source.on_default([&release](context<>& ctx, const record&) {
    if (ctx.offset() == 0)
      release.acquire();
    return complete;
  });
  require_ok(source.start());
  std::string stall;
  REQUIRE(eventually([&] { return !(stall = stall_of(source)).empty(); }));
  CHECK_THAT(stall, Contains("offset 0") && Contains("waits for a handler or finalizer to return"));
  release.release();
  REQUIRE(eventually([&] { return stall_of(source).empty() && source.state().out == 3; }));
  source.stop();
}

TEST_CASE("I10: an idle partition does not stand still") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, numbered(in, 0, 1));
  auto cfg = with.config(in);
  cfg.stall_warning = 20ms;
  event_source<> source{with.system, cfg};
  source.on_default([](context<>&, const record&) { return complete; });
  require_ok(source.start());
  REQUIRE(eventually([&] { return source.state().out == 1; }));
  auto stood = eventually([&] { return !stall_of(source).empty(); }, 300ms);
  CHECK_FALSE(stood);
  source.stop();
}

TEST_CASE("I10: a partition of which the broker tells nothing since it was assigned stands still") {
  mock_cluster cluster;
  auto broker = test_broker::real(cluster.address()); // as seen by its clients
  source_fixture with{broker};
  auto in = test_broker::new_name("silent");
  cluster.create_topic(in, 1);
  send(broker, numbered(in, 0, 1));
  cluster.delay_requests(mock_cluster::request::fetch, 5, 1s);
  auto cfg = with.config(in);
  cfg.stall_warning = 300ms;
  event_source<> source{with.system, cfg};
  source.on_default([](context<>&, const record&) { return complete; });
  require_ok(source.start());
  std::string stall;
  REQUIRE(eventually([&] { return !(stall = stall_of(source)).empty(); }));
  CHECK_THAT(stall, Contains("offset 0") && Contains("waits for the broker to answer a fetch"));
  REQUIRE(eventually([&] { return stall_of(source).empty() && source.state().out == 1; }));
  source.stop();
}

TEST_CASE("I10: the log names a partition that stands still, with what it waits for") {
  auto broker = test_broker::embedded();
  auto group = test_broker::new_name("group");
  auto in = broker.new_topic(1);
  send(broker, {{.topic = in, .key = "slow", .value = "1", .partition = 0}});
  child_process child{{child_flag, "hold", broker.address(), group, in, "none"}};
  auto told = child.says("partition " + in + "/0 has stood still for");
  INFO(child.output());
  REQUIRE(told);
  CHECK_THAT(child.output(),
             Contains("offset 0, key 'slow', stage 'call', waits for a call that runs"));
}
