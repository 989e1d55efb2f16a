#include "runtime/core/repeat_filter.hpp"

#include <catch2/catch.hpp>

using namespace keyloom::core;
using namespace std::chrono_literals;

TEST_CASE("a line that differs in numbers only is let through once in a while, with a count") {
  repeat_filter filter{10s};
  steady_time now{1h};
  CHECK(filter.pass("down after 1 ms", now) == "down after 1 ms");
  CHECK_FALSE(filter.pass("down after 2 ms", now + 1s));
  CHECK_FALSE(filter.pass("down after 33 ms", now + 9s));
  CHECK(filter.pass("down after 4 ms", now + 10s)
        == "down after 4 ms (2 lines like this were left out)");
  CHECK(filter.pass("down after 5 ms", now + 20s) == "down after 5 ms");
}

TEST_CASE("other lines are let through at once") {
  repeat_filter filter{10s};
  steady_time now{1h};
  CHECK(filter.pass("down", now));
  CHECK(filter.pass("refused", now));
  CHECK_FALSE(filter.pass("down", now));
}
