#include "runtime/core/order_gate.hpp"
#include "runtime/core/tracker.hpp"
#include "tests/fakes/batches.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace std::chrono_literals;
using core::order_gate;

namespace {

/// A gate and events with these record keys, one offset each; the partition's part is played by the
/// test.
struct gate_rig {
  gate_rig(order_gate::settings cfg, std::vector<std::optional<std::string>> keys) : gate(cfg) {
    std::vector<fakes::test_record> records;
    for (auto& key : keys)
      records.push_back({static_cast<int64_t>(records.size()), key});
    auto batch = fakes::make_batch(records);
    auto& home = events.open(batch);
    storage.resize(keys.size());
    for (uint32_t i = 0; i < keys.size(); ++i) {
      storage[i].batch = batch;
      storage[i].home = &home;
      storage[i].index = i;
    }
  }

  /// True: the handler may run at once; it leaves the event incomplete.
  bool begin(size_t i) {
    auto runs = gate.enter(storage[i], now);
    if (runs)
      gate.hold(storage[i], now);
    return runs;
  }

  void complete(size_t i) {
    order_gate::permits out;
    gate.completed(storage[i], now, out);
    for (auto* ev : out.released)
      released.push_back(ev->index);
    for (auto* ev : out.runnable)
      runnable.push_back(ev->index);
  }

  order_gate gate;
  core::tracker events{0};
  std::deque<core::event> storage;
  core::steady_time now{};
  std::vector<uint32_t> released;
  std::vector<uint32_t> runnable;
};

using list = std::vector<uint32_t>;

} // namespace

TEST_CASE("I7: by_key releases an event after those of its key before it; other keys go on") {
  gate_rig rig{{}, {"a", "b", "a"}};
  for (size_t i : {0, 1, 2})
    CHECK(rig.begin(i));
  rig.complete(2);
  CHECK(rig.released.empty());
  rig.complete(1);
  CHECK(rig.released == list{1});
  rig.complete(0);
  CHECK(rig.released == list{1, 0, 2});
  CHECK(rig.gate.keys() == 0);
}

TEST_CASE("I7: by_event releases an event after all events before it") {
  gate_rig rig{{.order = output_order::by_event}, {"a", "b", std::nullopt}};
  for (size_t i : {0, 1, 2})
    CHECK(rig.begin(i));
  rig.complete(2);
  rig.complete(1);
  CHECK(rig.released.empty());
  rig.complete(0);
  CHECK(rig.released == list{0, 1, 2});
}

TEST_CASE("without an output order events are released as they complete") {
  gate_rig rig{{.order = output_order::none}, {"a", "a"}};
  CHECK(rig.begin(0));
  CHECK(rig.begin(1));
  rig.complete(1);
  rig.complete(0);
  CHECK(rig.released == list{1, 0});
}

TEST_CASE("events without a key have no order among themselves") {
  auto serial = GENERATE(false, true);
  gate_rig rig{{.serial = serial}, {std::nullopt, std::nullopt, ""}};
  for (size_t i : {0, 1, 2})
    CHECK(rig.begin(i));
  rig.complete(1);
  CHECK(rig.released == list{1});
}

TEST_CASE("the empty key is a key") {
  gate_rig rig{{}, {"", ""}};
  CHECK(rig.begin(0));
  CHECK(rig.begin(1));
  rig.complete(1);
  CHECK(rig.released.empty());
}

TEST_CASE(
  "serial: a handler waits until the earlier event of its key is complete; other keys go on") {
  auto order = GENERATE(output_order::by_key, output_order::by_event, output_order::none);
  gate_rig rig{{.order = order, .serial = true}, {"a", "a", "b", "a"}};
  CHECK(rig.begin(0));
  CHECK_FALSE(rig.begin(1));
  CHECK(rig.begin(2));
  CHECK_FALSE(rig.begin(3));
  rig.complete(0);
  CHECK(rig.runnable == list{1});
  rig.complete(1);
  CHECK(rig.runnable == list{1, 3});
}

TEST_CASE(
  "a key's chain is closed when as many events as its limit are held, until all are released") {
  gate_rig rig{{.chain_limit = 2}, {"a", "a", "a", "a", "a"}};
  CHECK(rig.begin(0));
  CHECK(rig.begin(1));
  for (size_t i : {2, 3, 4})
    CHECK_FALSE(rig.begin(i));
  rig.complete(0);
  CHECK(rig.runnable.empty());
  rig.complete(1);
  CHECK(rig.runnable == list{2, 3});
  CHECK(rig.released == list{0, 1});
  rig.complete(2);
  rig.complete(3);
  CHECK(rig.runnable == list{2, 3, 4});
}

TEST_CASE(
  "a key's chain is closed when its time has passed, and opens anew when all are released") {
  gate_rig rig{{.chain_time = 10ms}, {"a", "a", "a", "a"}};
  CHECK(rig.begin(0));
  rig.now += 9ms;
  CHECK(rig.begin(1));
  rig.now += 1ms;
  CHECK_FALSE(rig.begin(2));
  rig.complete(1);
  rig.complete(0);
  CHECK(rig.runnable == list{2});
  rig.now += 9ms;
  CHECK(rig.begin(3));
}

TEST_CASE("a key has a chain only while it has events that are not released") {
  gate_rig rig{{}, {"a", "a"}};
  CHECK(rig.gate.enter(rig.storage[0], rig.now));
  rig.complete(0);
  CHECK(rig.gate.keys() == 0);
  CHECK(rig.begin(1));
  CHECK(rig.gate.keys() == 1);
  rig.complete(1);
  CHECK(rig.gate.keys() == 0);
}

TEST_CASE("none, an event behind one that was parked is released when it is complete") {
  gate_rig rig{{.order = output_order::none}, {"a", "a", "b"}};
  CHECK(rig.begin(0));
  rig.gate.park(rig.storage[0], rig.now);
  CHECK_FALSE(rig.begin(1));
  CHECK(rig.begin(2));
  rig.gate.unpark(rig.storage[0]);
  order_gate::permits out;
  rig.gate.resume(rig.storage[0], rig.now, out);
  REQUIRE(out.runnable.size() == 1);
  CHECK(out.runnable[0] == &rig.storage[1]);
  rig.complete(1);
  CHECK(rig.released == list{1});
  rig.complete(0);
  CHECK(rig.released == list{1, 0});
  CHECK(rig.gate.keys() == 0);
}

TEST_CASE("handlers behind one that was parked wait, also when they had been let run") {
  gate_rig rig{{.chain_limit = 1}, {"a", "a", "a", "a"}};
  CHECK(rig.begin(0));
  for (size_t i : {1, 2, 3})
    CHECK_FALSE(rig.begin(i));
  rig.complete(0);
  REQUIRE(rig.runnable == list{1});
  rig.gate.park(rig.storage[1], rig.now);
  CHECK(rig.storage[2].waiting);
  rig.gate.unpark(rig.storage[1]);
  rig.complete(1);
  CHECK(rig.runnable == list{1, 2});
}
