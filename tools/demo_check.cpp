#include "tools/demo_check.hpp"

#include "tools/topic_reader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace keyloom::tools {

namespace {

/// The output's value without what the demo added.
std::string leg_of(const nlohmann::ordered_json& value) {
  auto leg = value;
  for (auto* added : {"model", "seats", "legs_so_far", "late_min_so_far"})
    leg.erase(added);
  return leg.dump();
}

} // namespace

caf::expected<demo_findings> check_demo(cluster_access& access, const std::string& out,
                                        const csv_table& legs, size_t key_column, uint64_t done) {
  demo_findings result;
  verification compare;
  std::set<std::string_view> tails;
  for (size_t row = 0; row < legs.rows(); ++row) {
    auto& tail = legs.cell(row, key_column);
    auto leg = nlohmann::ordered_json::parse(legs.json(row)).dump();
    compare.add_expected(tail.empty() ? std::string_view{} : std::string_view{tail}, leg);
    if (!tail.empty())
      tails.insert(tail);
  }
  result.keys = tails.size();
  topic_reader reader{access, out};
  if (auto err = reader.find_range())
    return err;
  auto err = reader.read([&](const record& rec) {
    auto value = nlohmann::ordered_json::parse(rec.value);
    compare.add_seen(rec.key, leg_of(value));
    if (auto late = value.value("late_min_so_far", int64_t{0});
        rec.has_key() && late > result.worst_late_min) {
      result.worst_late_min = late;
      result.worst_tail = rec.key;
    }
  });
  if (err)
    return err;
  result.verified = compare.finish();
  auto missing = result.verified.lost;
  result.verified.lost = std::min<size_t>(missing,
                                          done - std::min<size_t>(done, result.verified.seen));
  result.left = missing - result.verified.lost;
  return result;
}

} // namespace keyloom::tools
