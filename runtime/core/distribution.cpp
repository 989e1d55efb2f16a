#include "runtime/core/distribution.hpp"

#include <algorithm>

namespace keyloom::core {

double percentile(std::span<const int64_t> bounds, const std::vector<distribution::bucket>& before,
                  const std::vector<distribution::bucket>& now, double fraction) {
  auto count = [&](size_t i) {
    auto then = i < before.size() ? before[i].count : 0;
    return static_cast<double>(now[i].count - std::min(then, now[i].count));
  };
  double all = 0;
  for (size_t i = 0; i < now.size(); ++i)
    all += count(i);
  double seen = 0;
  for (size_t i = 0; i < now.size() && all > 0; ++i) {
    if (seen + count(i) < fraction * all || count(i) == 0) {
      seen += count(i);
      continue;
    }
    auto low = i == 0 ? 0.0 : static_cast<double>(bounds[i - 1]);
    if (i == bounds.size()) // nothing bounds it: what they were on average
      return static_cast<double>(now[i].sum) / static_cast<double>(now[i].count);
    return low + (static_cast<double>(bounds[i]) - low) * (fraction * all - seen) / count(i);
  }
  return 0;
}

} // namespace keyloom::core
