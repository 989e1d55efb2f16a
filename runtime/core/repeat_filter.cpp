#include "runtime/core/repeat_filter.hpp"

#include <algorithm>

namespace keyloom::core {

std::optional<std::string> repeat_filter::pass(const std::string& line, steady_time now) {
  std::erase_if(kinds_, [&](auto& each) { // a kind that was not seen for long begins anew
    auto age = now - each.second.last;
    return age >= 100 * interval_ || (age >= interval_ && each.second.left_out == 0);
  });
  auto [it, fresh] = kinds_.try_emplace(kind_of(line), seen{now});
  auto& kind = it->second;
  if (!fresh && now - kind.last < interval_) {
    ++kind.left_out;
    return std::nullopt;
  }
  kind.last = now;
  auto left_out = std::exchange(kind.left_out, 0);
  return left_out == 0 ? line
                       : line + " (" + std::to_string(left_out) + " lines like this were left out)";
}

/// Everything but the digits.
std::string repeat_filter::kind_of(std::string_view line) {
  std::string result;
  std::copy_if(line.begin(), line.end(), std::back_inserter(result),
               [](char c) { return c < '0' || c > '9'; });
  return result;
}

} // namespace keyloom::core
