// Draws from a Zipf distribution: of n ranks, rank k comes up in proportion to 1 / k^s. Exact,
// without a table, in constant time whatever n is: rejection-inversion after W. Hoermann and G.
// Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions"
// (1996). The area under the continuous x^-s is inverted, and the rare draws that fall outside of a
// rank's bar are drawn again. The same seed gives the same ranks. One thread.
#pragma once

#include <cstdint>
#include <random>

namespace keyloom::tools {

class zipf_sampler {
public:
  /// `ranks` >= 1, `exponent` >= 0 (0: all ranks alike).
  zipf_sampler(uint64_t ranks, double exponent, uint64_t seed);

  /// A rank from 1 to `ranks`.
  uint64_t next();

private:
  double weight(double x) const;
  double area(double x) const;
  double area_inverse(double a) const;

  double ranks_;
  double exponent_;
  double first_area_; ///< of the first rank's bar, whose left half is cut to its weight
  double last_area_;
  double sure_; ///< this close to the left of a rank's middle a draw is always inside of its bar
  std::mt19937_64 random_;
};

} // namespace keyloom::tools
