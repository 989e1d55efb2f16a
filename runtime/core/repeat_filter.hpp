// Keeps a log readable while the same thing goes wrong again and again, e.g. ten times a second
// while no broker is there: a line that differs from an earlier one in numbers only is let through
// once in `interval`. One thread.
#pragma once

#include "runtime/core/order_gate.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace keyloom::core {

class repeat_filter {
public:
  explicit repeat_filter(std::chrono::milliseconds interval = std::chrono::seconds{10})
    : interval_(interval) {}

  /// The line as it should be logged, with how many like it were left out before; nothing when it
  /// should not.
  std::optional<std::string> pass(const std::string& line, steady_time now);

private:
  struct seen {
    steady_time last;
    uint64_t left_out = 0;
  };

  static std::string kind_of(std::string_view line);

  std::chrono::milliseconds interval_;
  std::map<std::string, seen> kinds_;
};

} // namespace keyloom::core
