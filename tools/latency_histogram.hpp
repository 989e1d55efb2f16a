// Counts latencies in buckets of about 3 % width, from a microsecond to hours. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace keyloom::tools {

class latency_histogram {
public:
  void add(int64_t microseconds) {
    counts_[bucket(microseconds > 0 ? static_cast<uint64_t>(microseconds) : 0)].fetch_add(
      1, std::memory_order_relaxed);
  }

  /// The latency in milliseconds that `fraction` (0 to 1) of the samples do not exceed; 0 without
  /// samples.
  double percentile_ms(double fraction) const {
    uint64_t total = 0;
    for (auto& count : counts_)
      total += count.load(std::memory_order_relaxed);
    auto wanted = static_cast<uint64_t>(fraction * static_cast<double>(total));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size() && total > 0; ++i) {
      seen += counts_[i].load(std::memory_order_relaxed);
      if (seen > wanted || seen == total)
        return static_cast<double>(upper_bound(i)) / 1000.0;
    }
    return 0;
  }

private:
  static constexpr unsigned sub_bits = 5; // 32 buckets for each power of two
  static constexpr uint64_t sub_count = uint64_t{1} << sub_bits;

  static size_t bucket(uint64_t value) {
    if (value < sub_count)
      return value;
    auto power = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits;
    auto index = (power + 1) * sub_count + ((value >> power) - sub_count);
    return index < bucket_count ? index : bucket_count - 1;
  }

  static uint64_t upper_bound(size_t index) {
    if (index < sub_count)
      return index;
    auto power = index / sub_count - 1;
    return ((index % sub_count + sub_count + 1) << power) - 1;
  }

  static constexpr size_t bucket_count = 36 * sub_count;
  std::array<std::atomic<uint64_t>, bucket_count> counts_{};
};

} // namespace keyloom::tools
