// Time limits as librdkafka wants them: int milliseconds.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace keyloom::kafka {

/// Milliseconds for a librdkafka call: never negative, because -1 means "for ever" there.
inline int to_ms(std::chrono::milliseconds duration) {
  using rep = std::chrono::milliseconds::rep;
  return static_cast<int>(std::clamp<rep>(duration.count(), 0, std::numeric_limits<int>::max()));
}

/// A point in time that several calls in a row must not pass.
class deadline {
public:
  explicit deadline(std::chrono::milliseconds timeout)
    : end_(std::chrono::steady_clock::now()
           + std::clamp(timeout, std::chrono::milliseconds{0}, longest)) {}

  std::chrono::milliseconds left() const {
    auto rest = end_ - std::chrono::steady_clock::now();
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(rest),
                    std::chrono::milliseconds{0});
  }

  int left_ms() const { return to_ms(left()); }
  bool passed() const { return std::chrono::steady_clock::now() >= end_; }

private:
  static constexpr std::chrono::milliseconds longest = std::chrono::hours{24 * 24};

  std::chrono::steady_clock::time_point end_;
};

} // namespace keyloom::kafka
