#include "runtime/core/nearest.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace keyloom::core {

namespace {

std::string_view last_part(std::string_view name) {
  return name.substr(name.rfind('.') + 1); // npos + 1 is 0
}

size_t distance(std::string_view name, std::string_view known) {
  auto whole = edit_distance(name, known);
  auto part = last_part(known);
  return part == known ? whole : std::min(whole, edit_distance(name, part) + 1);
}

} // namespace

size_t edit_distance(std::string_view from, std::string_view to) {
  // Levenshtein's table, a row at a time: row[i] is the distance from what was read of `from` to
  // the first i characters of `to`.
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < to.size(); ++j) {
      auto replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row.back();
}

std::string_view nearest(std::string_view name, const std::vector<std::string_view>& known) {
  std::string_view result;
  auto smallest = std::numeric_limits<size_t>::max();
  for (auto each : known) {
    if (each.starts_with(name) && each.substr(name.size()).starts_with("."))
      return each;
    if (auto edits = distance(name, each); edits < smallest) {
      smallest = edits;
      result = each;
    }
  }
  return result;
}

} // namespace keyloom::core
