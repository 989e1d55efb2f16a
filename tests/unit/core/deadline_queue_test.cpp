#include "runtime/core/deadline_queue.hpp"
#include "tests/fakes/fake_clock.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace keyloom;
using namespace std::chrono_literals;

namespace {

struct call : core::deadline_queue::entry {};

} // namespace

TEST_CASE("deadlines come due in the order they were set, and not before their time") {
  fakes::fake_clock clock;
  core::deadline_queue deadlines{10ms};
  std::array<call, 3> calls;
  deadlines.add(calls[0], clock.now());
  clock.advance(4ms);
  deadlines.add(calls[1], clock.now());
  deadlines.add(calls[2], clock.now());
  CHECK(deadlines.next() == clock.now() + 6ms);
  clock.advance(5ms);
  CHECK(deadlines.take_due(clock.now()) == nullptr);
  clock.advance(1ms);
  CHECK(deadlines.take_due(clock.now()) == &calls[0]);
  CHECK(deadlines.take_due(clock.now()) == nullptr);
  clock.advance(4ms);
  CHECK(deadlines.take_due(clock.now()) == &calls[1]);
  CHECK(deadlines.take_due(clock.now()) == &calls[2]);
  CHECK(deadlines.empty());
  CHECK_FALSE(deadlines.next().has_value());
}

TEST_CASE(
  "a deadline that is removed does not come due, wherever it stands, and may be set again") {
  fakes::fake_clock clock;
  for (size_t removed = 0; removed < 3; ++removed) {
    core::deadline_queue deadlines{10ms};
    std::array<call, 3> calls;
    for (auto& each : calls)
      deadlines.add(each, clock.now());
    deadlines.remove(calls[removed]);
    deadlines.remove(calls[removed]); // it is not queued any more
    CHECK_FALSE(calls[removed].queued());
    deadlines.add(calls[removed], clock.now());
    clock.advance(10ms);
    std::array<core::deadline_queue::entry*, 4> due{};
    for (auto& each : due)
      each = deadlines.take_due(clock.now());
    CHECK(due[0] == &calls[removed == 0 ? 1 : 0]);
    CHECK(due[1] == &calls[removed == 2 ? 1 : 2]);
    CHECK(due[2] == &calls[removed]);
    CHECK(due[3] == nullptr);
  }
}

TEST_CASE("without a timeout there are no deadlines") {
  fakes::fake_clock clock;
  core::deadline_queue deadlines{0ms};
  call one;
  deadlines.add(one, clock.now());
  clock.advance(1h);
  CHECK(deadlines.take_due(clock.now()) == nullptr);
  deadlines.remove(one);
}
