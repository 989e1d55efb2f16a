#include "runtime/core/stall_watch.hpp"

#include <catch2/catch.hpp>

using namespace keyloom::core;
using namespace std::chrono_literals;
using verdict = stall_watch::verdict;

namespace {

struct watched {
  steady_time now{1h};
  stall_watch watch{30s, now};

  verdict look_after(std::chrono::milliseconds time, int64_t oldest, bool busy = true) {
    now += time;
    return watch.look(oldest, busy, now);
  }
};

} // namespace

TEST_CASE("I10: an oldest event that has not moved for the warning time is told, once") {
  watched it;
  CHECK(it.look_after(1s, 7) == verdict::nothing);
  CHECK(it.look_after(29'999ms, 7) == verdict::nothing);
  CHECK(it.look_after(1ms, 7) == verdict::stands_still);
  CHECK(it.watch.stood() == 30s);
  CHECK(it.look_after(1s, 7) == verdict::nothing);
}

TEST_CASE("I10: it is told again each time it has stood twice as long") {
  watched it;
  it.look_after(0s, 7);
  std::vector<int> told;
  for (int second = 1; second <= 500; ++second)
    if (it.look_after(1s, 7) == verdict::stands_still)
      told.push_back(second);
  CHECK(told == std::vector{30, 60, 120, 240, 480});
}

TEST_CASE("I10: a look that comes late tells once") {
  watched it;
  it.look_after(0s, 7);
  CHECK(it.look_after(500s, 7) == verdict::stands_still);
  CHECK(it.look_after(1s, 7) == verdict::nothing);
}

TEST_CASE("I10: when it moves again that is told with how long it stood, and time begins anew") {
  watched it;
  it.look_after(0s, 7);
  it.look_after(40s, 7);
  CHECK(it.look_after(2s, 8) == verdict::moved);
  CHECK(it.watch.stood() == 42s);
  CHECK(it.look_after(29s, 8) == verdict::nothing);
  CHECK(it.look_after(1s, 8) == verdict::stands_still);
}

TEST_CASE("a partition that moves, or has nothing to do, is not told") {
  watched it;
  for (int i = 0; i < 10; ++i)
    CHECK(it.look_after(20s, i) == verdict::nothing);
  for (int i = 0; i < 10; ++i)
    CHECK(it.look_after(20s, 9, false) == verdict::nothing);
  CHECK(it.look_after(20s, 9) == verdict::nothing); // idle time is no standing still
  CHECK(it.look_after(9s, 9) == verdict::nothing);
}

TEST_CASE("I10: what got out at last while nothing followed has moved, too") {
  watched it;
  it.look_after(0s, 7);
  it.look_after(30s, 7);
  CHECK(it.look_after(1s, 7, false) == verdict::moved);
}

TEST_CASE("looks are frequent enough for the warning time, and seldom enough for a thousand "
          "partitions") {
  CHECK(stall_watch::interval(30s) == 1s);
  CHECK(stall_watch::interval(200ms) == 20ms);
  CHECK(stall_watch::interval(1ms) == 10ms);
}

TEST_CASE("a standing event is named with offset, key, stage and what it waits for") {
  CHECK(to_string({7, "", "a", "look-up", "a call that runs"})
        == "offset 7, key 'a', stage 'look-up', waits for a call that runs");
  CHECK(to_string({7, "", std::nullopt, "", "its handler to be called"})
        == "offset 7, no key, waits for its handler to be called");
  CHECK(to_string({-1, "sweep", std::nullopt, "", "1 output to be acknowledged"})
        == "interjection 'sweep', waits for 1 output to be acknowledged");
}
