// How values of one kind are spread: counts and sums by bucket, for histograms and percentiles.
// Written by any thread, two relaxed additions a value; read by any other while it is written, so a
// reading may be off by what moved meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace keyloom::core {

/// Upper bounds of times, in ns, from 1 us to 5 minutes.
inline constexpr std::array<int64_t, 21> time_bounds{
  1'000,          10'000,         50'000,         100'000,       250'000,       500'000,
  1'000'000,      2'500'000,      5'000'000,      10'000'000,    25'000'000,    50'000'000,
  100'000'000,    250'000'000,    500'000'000,    1'000'000'000, 2'500'000'000, 5'000'000'000,
  10'000'000'000, 60'000'000'000, 300'000'000'000};

/// Upper bounds of numbers of things that go together.
inline constexpr std::array<int64_t, 13> size_bounds{1,   2,   5,    10,   20,   50,    100,
                                                     200, 500, 1000, 2000, 5000, 10'000};

class distribution {
public:
  /// What has come into one bucket.
  struct bucket {
    uint64_t count = 0;
    int64_t sum = 0;
  };

  /// `bounds` outlive it; values beyond the last one have a bucket of their own.
  explicit distribution(std::span<const int64_t> bounds)
    : bounds_(bounds), cells_(bounds.size() + 1) {}

  void record(int64_t value) {
    size_t i = 0;
    while (i < bounds_.size() && value > bounds_[i])
      ++i;
    cells_[i].count.fetch_add(1, std::memory_order_relaxed);
    cells_[i].sum.fetch_add(value, std::memory_order_relaxed);
  }

  void record(std::chrono::steady_clock::duration time) {
    record(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
  }

  std::span<const int64_t> bounds() const { return bounds_; }

  /// By bucket, from the lowest; one more than there are bounds.
  std::vector<bucket> read() const {
    std::vector<bucket> result;
    result.reserve(cells_.size());
    for (auto& each : cells_)
      result.push_back(
        {each.count.load(std::memory_order_relaxed), each.sum.load(std::memory_order_relaxed)});
    return result;
  }

private:
  struct cell {
    std::atomic<uint64_t> count{0};
    std::atomic<int64_t> sum{0};
  };

  std::span<const int64_t> bounds_;
  std::vector<cell> cells_;
};

/// The value that a fraction of those recorded between two readings does not exceed, as near as the
/// buckets tell it; 0: there were none.
double percentile(std::span<const int64_t> bounds, const std::vector<distribution::bucket>& before,
                  const std::vector<distribution::bucket>& now, double fraction);

} // namespace keyloom::core
