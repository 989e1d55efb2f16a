// The sampler's frequencies against the distribution's own formula.
#include "tools/zipf_sampler.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

using namespace keyloom::tools;

namespace {

/// Chi-square of what was drawn against 1 / k^s, by its degrees of freedom: near 1 when it fits.
double misfit(uint64_t ranks, double exponent) {
  constexpr uint64_t seed = 7;
  constexpr int draws = 400'000;
  zipf_sampler sampler{ranks, exponent, seed};
  std::vector<double> seen(ranks);
  for (int i = 0; i < draws; ++i)
    ++seen.at(sampler.next() - 1);
  double weights = 0;
  for (uint64_t k = 1; k <= ranks; ++k)
    weights += std::pow(static_cast<double>(k), -exponent);
  double result = 0;
  for (uint64_t k = 1; k <= ranks; ++k) {
    auto expected = draws * std::pow(static_cast<double>(k), -exponent) / weights;
    result += (seen[k - 1] - expected) * (seen[k - 1] - expected) / expected;
  }
  return result / static_cast<double>(ranks - 1);
}

} // namespace

TEST_CASE("ranks come up in proportion to 1 / k^s") {
  for (auto exponent : {0.0, 0.5, 0.99, 1.0, 1.1, 2.0}) {
    CAPTURE(exponent);
    CHECK(misfit(100, exponent) < 1.5);
  }
}

TEST_CASE("the right distribution does not fit another exponent") {
  // Shows that the test above could fail.
  zipf_sampler sampler{100, 1.1, 7};
  int first = 0;
  for (int i = 0; i < 100'000; ++i)
    first += sampler.next() == 1 ? 1 : 0;
  CHECK(first == Approx(100'000 / 4.278).epsilon(0.02)); // the sum of k^-1.1 for k from 1 to 100
}

TEST_CASE("a single rank is drawn every time") {
  zipf_sampler sampler{1, 1.1, 7};
  for (int i = 0; i < 1000; ++i)
    CHECK(sampler.next() == 1);
}

TEST_CASE("ranks stay in range when there are very many") {
  constexpr uint64_t ranks = 100'000'000;
  zipf_sampler sampler{ranks, 0.2, 7};
  for (int i = 0; i < 100'000; ++i) {
    auto rank = sampler.next();
    REQUIRE(rank >= 1);
    REQUIRE(rank <= ranks);
  }
}
