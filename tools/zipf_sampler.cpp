#include "tools/zipf_sampler.hpp"

#include <algorithm>
#include <cmath>

namespace keyloom::tools {

namespace {

// Where the quotients below are 0 / 0; one more term of their series is beyond double's precision.
constexpr double tiny = 1e-8;

double log1p_by(double x) {
  return std::abs(x) > tiny ? std::log1p(x) / x : 1 - x / 2;
}

double expm1_by(double x) {
  return std::abs(x) > tiny ? std::expm1(x) / x : 1 + x / 2;
}

} // namespace

zipf_sampler::zipf_sampler(uint64_t ranks, double exponent, uint64_t seed)
  : ranks_(static_cast<double>(ranks)), exponent_(exponent), first_area_(area(1.5) - 1),
    last_area_(area(ranks_ + 0.5)), sure_(2 - area_inverse(area(2.5) - weight(2))), random_(seed) {
  // nop
}

uint64_t zipf_sampler::next() {
  std::uniform_real_distribution<double> between{first_area_, last_area_};
  for (;;) {
    auto drawn = between(random_);
    auto x = area_inverse(drawn);
    auto rank = std::clamp(std::floor(x + 0.5), 1.0, ranks_);
    if (rank - x <= sure_ || drawn >= area(rank + 0.5) - weight(rank))
      return static_cast<uint64_t>(rank);
  }
}

double zipf_sampler::weight(double x) const {
  return std::exp(-exponent_ * std::log(x));
}

// The integral of x^-s from 1 to x, in a form that holds at s = 1, where it is the logarithm.
double zipf_sampler::area(double x) const {
  auto log_x = std::log(x);
  return expm1_by((1 - exponent_) * log_x) * log_x;
}

double zipf_sampler::area_inverse(double a) const {
  // Below -1 only by rounding.
  auto t = std::max(a * (1 - exponent_), -1.0);
  return std::exp(log1p_by(t) * a);
}

} // namespace keyloom::tools
