// What happens to work in progress when a partition goes to another member, and comes back.
#include "tests/integration/group_protocol.hpp"
#include "tests/integration/held_calls.hpp"
#include "tests/integration/mock_cluster.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <future>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

constexpr int records = 10; // of each partition

std::string key_of(int32_t partition) {
  return "p" + std::to_string(partition);
}

/// `records` records in each partition, all with the partition's key.
std::vector<outgoing_record> a_key_each(const std::string& topic, int32_t partitions) {
  std::vector<outgoing_record> result;
  for (int i = 0; i < records; ++i)
    for (int32_t p = 0; p < partitions; ++p)
      result.push_back(
        {.topic = topic, .key = key_of(p), .value = std::to_string(i), .partition = p});
  return result;
}

/// A source whose blocking calls are held by `calls`, and whose outputs go to `out`.
std::unique_ptr<event_source<>> holding_source(source_fixture& with, const source_config& cfg,
                                               const std::string& out, held_calls& calls) {
  auto source = std::make_unique<event_source<>>(with.system, cfg);
  auto hold = source->stage<std::string, void>(
    "hold", blocking([&calls](std::string_view key, std::string&) { calls.call(key); }),
    [out](context<>& ctx, std::string_view key, std::string& value, caf::expected<void>) {
      ctx.forward({.topic = out, .key = std::string{key}, .value = value});
      return complete;
    },
    stage_limits{.concurrency = 8});
  source->on_default([hold](context<>& ctx, const record& rec) {
    return hold.schedule(ctx, rec.key, std::string{rec.value});
  });
  return source;
}

int64_t max(const std::vector<int64_t>& offsets) {
  return *std::max_element(offsets.begin(), offsets.end());
}

std::optional<lifecycle> lifecycle_of(const event_source<>& source, int32_t partition) {
  for (auto& each : source.state().partitions)
    if (each.partition == partition)
      return each.lifecycle;
  return std::nullopt;
}

std::string stall_of(const event_source<>& source, int32_t partition) {
  for (auto& each : source.state().partitions)
    if (each.partition == partition)
      return each.stall;
  return {};
}

} // namespace

TEST_CASE(
  "I3, I6: a partition that was not drained in time comes again at its next owner, and when "
  "it returns it waits for the call that still runs") {
  on_each_broker([](test_broker& broker) {
    auto protocol = GENERATE_REF(from_range(protocols_of(broker)));
    INFO(name_of(protocol));
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    auto out = broker.new_topic(2);
    send(broker, a_key_each(in, 2));
    held_calls calls;
    auto cfg = with.config(in);
    cfg.kafka = properties_of(protocol, "first");
    cfg.drain_deadline = 50ms;
    cfg.stall_warning = 100ms;
    auto source = holding_source(with, cfg, out, calls);
    require_ok(source->start());
    for (int32_t p : {0, 1})
      REQUIRE(calls.has_begun(key_of(p), 1, patience));

    auto other_cfg = broker.consumer_config(with.group);
    other_cfg.kafka = properties_of(protocol, "second");
    auto other = std::make_unique<member>(other_cfg, in);
    REQUIRE(other->owns(1));
    auto moved = other->owned.begin()->partition;
    REQUIRE(other->receives(records));
    CHECK(other->records().front().offset == 0);
    CHECK(max(with.committed(in)) <= 0); // nothing is out yet

    other = nullptr; // leaves the group, having committed nothing
    REQUIRE(eventually([&] { return lifecycle_of(*source, moved) == lifecycle::unassigned; }));
    CHECK(calls.begun(key_of(moved)) == 1);
    REQUIRE(eventually([&] { // I10: though it has not even begun
      return stall_of(*source, moved).find("calls that still run from before") != std::string::npos;
    }));
    calls.let_go();
    REQUIRE(eventually([&] { return source->state().out == 2 * records; }));
    CHECK(calls.begun(key_of(moved)) == records + 1); // the late result counted for nothing
    CHECK_FALSE(calls.overlapped());
    source->stop();
    CHECK(with.committed(in) == std::vector<int64_t>{records, records});
    auto seen = by_key(with.read_back(out, 2 * records));
    for (int32_t p : {0, 1}) {
      INFO("partition " << p);
      REQUIRE(seen[key_of(p)].size() == records);
      for (int i = 0; i < records; ++i)
        CHECK(seen[key_of(p)][static_cast<size_t>(i)] == std::to_string(i));
    }
  });
}

TEST_CASE("I6: nothing of a lost partition is committed, and its records come again") {
  mock_cluster cluster;
  auto broker = test_broker::real(cluster.address()); // as seen by its clients
  source_fixture with{broker};
  auto in = test_broker::new_name("lost");
  auto out = test_broker::new_name("lost-out");
  for (auto& topic : {in, out})
    cluster.create_topic(topic, 1);
  // One record is out before the call of the next one: it could be committed.
  send(broker, {{.topic = in, .key = "inline", .value = "0", .partition = 0},
                {.topic = in, .key = "held", .value = "1", .partition = 0}});
  held_calls calls;
  auto cfg = with.config(in);
  cfg.commit_interval = 1h;
  event_source<> source{with.system, cfg};
  auto hold = source.stage<int, void>("hold", blocking([&calls](std::string_view key, int&) {
                                        calls.call(key);
                                      }),
                                      wide_network.limits());
  std::atomic<int> inline_calls{0};
  source.on_default([&, hold](context<>& ctx, const record& rec) {
    if (rec.key != "inline")
      return hold.schedule(ctx, rec.key, 1);
    ++inline_calls;
    return complete;
  });
  require_ok(source.start());
  REQUIRE(calls.has_begun("held", 1, patience));
  REQUIRE(eventually([&] { return source.state().out == 1; }));

  cluster.expire_session();
  REQUIRE(eventually([&] { return lifecycle_of(source, 0) == lifecycle::unassigned; }));
  CHECK(with.committed(in) == std::vector<int64_t>{-1});
  CHECK(calls.begun("held") == 1); // assigned again, it waits for the call that still runs
  calls.let_go();
  REQUIRE(calls.has_begun("held", 2, patience));
  CHECK_FALSE(calls.overlapped());
  CHECK(inline_calls == 2);
  REQUIRE(eventually([&] { return source.state().out == 3; }));
  source.stop();
  CHECK(with.committed(in) == std::vector<int64_t>{2});
}

TEST_CASE("a stop does not wait for what partitions that are lost meanwhile still do") {
  mock_cluster cluster;
  auto broker = test_broker::real(cluster.address());
  source_fixture with{broker};
  auto in = test_broker::new_name("lost-in-stop");
  cluster.create_topic(in, 1);
  send(broker, {{.topic = in, .key = "k", .value = "0", .partition = 0}});
  auto cfg = with.config(in);
  cfg.stop_deadline = 1h;
  event_source<> source{with.system, cfg};
  std::optional<job_completion> never_called;
  source.on_default([&](context<>& ctx, const record&) {
    never_called = ctx.job_complete([](context<>&) { return complete; });
    return incomplete;
  });
  require_ok(source.start());
  REQUIRE(eventually([&] { return source.state().records == 1; }));
  auto stopped = std::async(std::launch::async, [&] { source.stop(); });
  REQUIRE(eventually([&] { return lifecycle_of(source, 0) == lifecycle::draining; }));
  cluster.expire_session();
  CHECK(stopped.wait_for(patience) == std::future_status::ready);
  CHECK(source.state().errors.empty());
  CHECK(with.committed(in).at(0) <= 0);
}

TEST_CASE(
  "two sources of one group in one process share its partitions and hand them over cleanly") {
  on_each_broker([](test_broker& broker) {
    constexpr int count = 400;
    constexpr int keys = 20;
    source_fixture with{broker};
    auto in = broker.new_topic(4);
    auto out = broker.new_topic(4);
    held_calls calls;
    calls.let_go();
    auto first = holding_source(with, with.config(in), out, calls);
    auto second = holding_source(with, with.config(in), out, calls);
    require_ok(first->start());
    require_ok(second->start());
    auto owned = [](auto& source) { return source->state().partitions.size(); };
    REQUIRE(eventually([&] { return owned(first) == 2 && owned(second) == 2; }));
    send(broker, keyed(in, count, keys));
    REQUIRE(eventually([&] { return first->state().out + second->state().out == count; }));
    CHECK(first->state().out > 0);
    CHECK(second->state().out > 0);
    first->stop();
    REQUIRE(eventually([&] { return owned(second) == 4; }));
    auto before = second->state().out;
    send(broker, keyed(in, count, keys));
    REQUIRE(eventually([&] { return second->state().out == before + count; }));
    second->stop();
    CHECK_FALSE(calls.overlapped());
    for (auto& [key, values] : by_key(with.read_back(out, 2 * count))) {
      INFO("key " << key);
      REQUIRE(values.size() == 2 * count / keys);
      for (size_t i = 0; i < values.size(); ++i)
        CHECK(values[i] == std::to_string(i % (count / keys)));
    }
  });
}
