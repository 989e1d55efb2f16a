#include "runtime/core/distribution.hpp"

#include <catch2/catch.hpp>

using namespace keyloom::core;
using namespace std::chrono_literals;

TEST_CASE("a value comes into the bucket whose bound it does not exceed") {
  distribution sizes{size_bounds};
  for (auto each : {1, 2, 3, 5, 20'000})
    sizes.record(each);
  auto seen = sizes.read();
  REQUIRE(seen.size() == size_bounds.size() + 1);
  CHECK(seen[0].count == 1);
  CHECK(seen[1].count == 1);
  CHECK(seen[2].count == 2);
  CHECK(seen[2].sum == 8);
  CHECK(seen.back().count == 1);
  CHECK(seen.back().sum == 20'000);
}

TEST_CASE("a percentile lies in the bucket that has it, among what came between two readings") {
  distribution times{time_bounds};
  for (auto i = 0; i < 1000; ++i)
    times.record(10s); // before
  auto before = times.read();
  CHECK(percentile(time_bounds, before, before, 0.5) == 0);
  for (auto i = 0; i < 98; ++i)
    times.record(3ms);
  times.record(700ms);
  times.record(700ms);
  auto now = times.read();
  auto half = percentile(time_bounds, before, now, 0.5);
  CHECK(half > 2.5e6);
  CHECK(half <= 5e6);
  auto most = percentile(time_bounds, before, now, 0.99);
  CHECK(most > 5e8);
  CHECK(most <= 1e9);
}

TEST_CASE("a percentile beyond all bounds is what the values there were on average") {
  distribution times{time_bounds};
  times.record(600s);
  CHECK(percentile(time_bounds, {}, times.read(), 0.99) == Approx(6e11));
}
