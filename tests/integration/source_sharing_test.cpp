// Several sources in one actor system.
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <latch>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;

namespace {

source_config config_of(const source_fixture& with, const std::string& topic) {
  auto cfg = with.config(topic);
  cfg.group = test_broker::new_name("group");
  return cfg;
}

bool comes_to(const event_source<>& source, uint64_t out) {
  return eventually([&] {
    std::this_thread::yield();
    return source.state().out == out;
  });
}

/// A blocking stage whose first calls all wait until those of every source are in.
void meet(event_source<>& source, std::latch& together, uint32_t concurrency) {
  auto stage = source.stage<int, void>("meet", blocking([&](std::string_view, int&) {
                                         if (!together.try_wait())
                                           together.arrive_and_wait();
                                       }),
                                       {.concurrency = concurrency});
  source.on_default(
    [=](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
}

} // namespace

TEST_CASE("sources of one system share threads and budget when told to, each with its own limits") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto one = broker.new_topic(1);
  auto two = broker.new_topic(1);
  send(broker, keyed(one, 3, 3));
  send(broker, keyed(two, 3, 3));
  shared_resources common{1 << 20};
  std::latch together{6}; // hangs when one source's calls take the other's threads
  event_source<> first{with.system, config_of(with, one), common};
  event_source<> second{with.system, config_of(with, two), common};
  meet(first, together, 3);
  meet(second, together, 3);
  require_ok(first.start());
  require_ok(second.start());
  REQUIRE(comes_to(first, 3));
  REQUIRE(comes_to(second, 3));
  CHECK(common.threads() == 6);
  first.stop();
  send(broker, keyed(two, 1, 1));
  CHECK(comes_to(second, 4)); // the stop of one leaves the other alone
  second.stop();
  CHECK(common.held_bytes() == 0);
  CHECK(second.state().errors.empty());
}

TEST_CASE("I8: sources that share a budget share it between all their partitions") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto one = broker.new_topic(1);
  auto two = broker.new_topic(1);
  std::vector<outgoing_record> records;
  for (auto& topic : {one, two})
    for (int i = 0; i < 100; ++i)
      records.push_back({.topic = topic, .value = std::string(4000, 'x')});
  send(broker, records);
  shared_resources common{200'000};
  std::latch open{1};
  event_source<> stuck{with.system, config_of(with, one), common};
  auto stage = stuck.stage<int, void>("stuck",
                                      blocking([&](std::string_view, int&) { open.wait(); }),
                                      {.concurrency = 200});
  stuck.on_default(
    [=](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  event_source<> other{with.system, config_of(with, two), common};
  other.on_default([](context<>&, const record&) { return complete; });
  require_ok(stuck.start());
  require_ok(other.start());
  CHECK(comes_to(other, 100));
  CHECK(stuck.state().partitions.at(0).in_flight < 60);
  open.count_down();
  CHECK(comes_to(stuck, 100));
  stuck.stop();
  other.stop();
}
