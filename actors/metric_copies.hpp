// Metrics of CAF's registry that are copies of numbers kept elsewhere: counters, which only go up,
// and histograms. One thread at a time.
#pragma once

#include "runtime/core/distribution.hpp"

#include <caf/telemetry/counter.hpp>
#include <caf/telemetry/histogram.hpp>

#include <algorithm>

namespace keyloom::actors {

class counter_copy {
public:
  explicit counter_copy(caf::telemetry::int_counter* to) : to_(to) {}

  /// `now`: since the source was started.
  void set(uint64_t now) {
    if (now > last_)
      to_->inc(static_cast<int64_t>(now - last_));
    last_ = now;
  }

private:
  caf::telemetry::int_counter* to_;
  uint64_t last_ = 0;
};

class histogram_copy {
public:
  /// `unit`: what 1 of the distribution is in the histogram.
  histogram_copy(caf::telemetry::dbl_histogram* to, double unit) : to_(to), unit_(unit) {}

  /// Observes what came since the last time: as often, in the same buckets, with the same sum.
  void set(const core::distribution& from) {
    auto now = from.read();
    last_.resize(now.size());
    for (size_t i = 0; i < now.size(); ++i) {
      if (now[i].count < last_[i].count) // of a new start
        last_[i] = {};
      auto count = now[i].count - last_[i].count;
      if (count == 0)
        continue;
      auto mean = static_cast<double>(now[i].sum - last_[i].sum) / static_cast<double>(count);
      if (i < from.bounds().size())
        mean = std::min(mean, static_cast<double>(from.bounds()[i]));
      for (uint64_t n = 0; n < count; ++n)
        to_->observe(mean * unit_);
    }
    last_ = std::move(now);
  }

private:
  caf::telemetry::dbl_histogram* to_;
  double unit_;
  std::vector<core::distribution::bucket> last_;
};

} // namespace keyloom::actors
