#include "tools/top_text.hpp"

#include "tools/progress.hpp"

#include <array>
#include <cstdio>

namespace keyloom::tools {

namespace {

std::string decimal(double number, const char* unit) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", number, unit);
  return text.data();
}

} // namespace

std::string shown_time(std::chrono::milliseconds time) {
  auto ms = time.count();
  auto s = ms / 1000;
  if (ms < 1000)
    return std::to_string(ms) + " ms";
  if (s < 10)
    return decimal(static_cast<double>(ms) / 1000, "s");
  if (s < 60)
    return std::to_string(s) + " s";
  if (s < 3600)
    return std::to_string(s / 60) + " min " + std::to_string(s % 60) + " s";
  return std::to_string(s / 3600) + " h " + std::to_string(s / 60 % 60) + " min";
}

std::string shown_bytes(uint64_t bytes) {
  constexpr double step = 1024;
  auto number = static_cast<double>(bytes);
  if (number < step)
    return std::to_string(bytes) + " B";
  for (const auto* unit : {"KiB", "MiB"}) {
    number /= step;
    if (number < step)
      return decimal(number, unit);
  }
  return decimal(number / step, "GiB");
}

std::string shown_number(int64_t number) {
  return number < 0 ? "?" : with_commas(static_cast<uint64_t>(number));
}

std::string table_line(const std::vector<cell>& cells) {
  std::string result;
  for (auto& each : cells) {
    auto pad = std::string(each.width > each.text.size() ? each.width - each.text.size() : 0, ' ');
    result += "  " + (each.left ? each.text + pad : pad + each.text);
  }
  result.erase(result.find_last_not_of(' ') + 1);
  return result;
}

} // namespace keyloom::tools
