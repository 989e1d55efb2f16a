#include "actors/setting_values.hpp"

#include <caf/config_value.hpp>
#include <caf/timespan.hpp>

#include <array>
#include <charconv>
#include <limits>
#include <string_view>

namespace keyloom::actors {

namespace {

struct unit {
  std::string_view name;
  int64_t size;
};

constexpr std::array<unit, 6> times{{{"h", 3'600'000'000'000},
                                     {"min", 60'000'000'000},
                                     {"s", 1'000'000'000},
                                     {"ms", 1'000'000},
                                     {"us", 1000},
                                     {"ns", 1}}};
constexpr std::array<unit, 5> sizes{
  {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}};

struct amount {
  int64_t number; ///< saturated
  std::string_view rest;
};

/// The whole number at the beginning of a text, and what follows it.
std::optional<amount> read_number(std::string_view text) {
  amount result{0, {}};
  const auto* last = text.data() + text.size();
  auto [end, problem] = std::from_chars(text.data(), last, result.number);
  if (problem == std::errc::invalid_argument)
    return std::nullopt;
  if (problem == std::errc::result_out_of_range)
    result.number = text.front() == '-' ? std::numeric_limits<int64_t>::min()
                                        : std::numeric_limits<int64_t>::max();
  result.rest = {end, static_cast<size_t>(last - end)};
  return result;
}

int64_t saturated_product(int64_t x, int64_t y) {
  int64_t result = 0;
  if (!__builtin_mul_overflow(x, y, &result))
    return result;
  return x < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

/// A number with one of these units, in the smallest one.
template <size_t N>
std::optional<int64_t> read_amount(std::string_view text, const std::array<unit, N>& units) {
  if (auto found = read_number(text))
    for (const auto& each : units)
      if (each.name == found->rest)
        return saturated_product(found->number, each.size);
  return std::nullopt;
}

template <size_t N>
std::string show_amount(int64_t value, const std::array<unit, N>& units) {
  for (const auto& each : units)
    if (value != 0 && value % each.size == 0)
      return std::to_string(value / each.size) + std::string{each.name};
  return std::to_string(value);
}

} // namespace

std::string written(const caf::config_value& value) {
  if (const auto* time = caf::get_if<caf::timespan>(&value))
    return time->count() == 0 ? "0ms" : show_amount(time->count(), times);
  return to_string(value);
}

std::optional<int64_t> to_integer(const caf::config_value& value) {
  auto text = written(value);
  auto found = read_number(text);
  return found && found->rest.empty() ? std::optional{found->number} : std::nullopt;
}

std::optional<std::chrono::nanoseconds> to_duration(const caf::config_value& value) {
  if (const auto* known = caf::get_if<caf::timespan>(&value))
    return *known;
  auto count = read_amount(written(value), times);
  return count ? std::optional{std::chrono::nanoseconds{*count}} : std::nullopt;
}

std::optional<uint64_t> to_bytes(const caf::config_value& value) {
  auto count = read_amount(written(value), sizes);
  return count && *count >= 0 ? std::optional{static_cast<uint64_t>(*count)} : std::nullopt;
}

std::vector<std::string> to_list(const caf::config_value& value) {
  std::vector<std::string> result;
  if (const auto* elements = caf::get_if<caf::config_value::list>(&value)) {
    for (const auto& each : *elements)
      result.push_back(written(each));
    return result;
  }
  auto text = written(value);
  for (size_t first = 0; first <= text.size();) {
    auto comma = std::min(text.find(',', first), text.size());
    result.push_back(text.substr(first, comma - first));
    first = comma + 1;
  }
  return result;
}

std::string show(std::chrono::milliseconds value) {
  if (value.count() == 0)
    return "0ms";
  return show_amount(std::chrono::nanoseconds{value}.count(), times);
}

std::string show_bytes(uint64_t value) {
  constexpr uint64_t most = std::numeric_limits<int64_t>::max();
  return show_amount(static_cast<int64_t>(std::min(value, most)), sizes);
}

} // namespace keyloom::actors
