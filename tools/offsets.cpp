#include "tools/offsets.hpp"

#include "runtime/core/completion_map.hpp"
#include "tools/cluster_access.hpp"
#include "tools/progress.hpp"
#include "tools/report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <span>
#include <vector>

namespace keyloom::tools {

namespace {

struct group_position {
  int32_t partition = 0;
  int64_t committed = -1; ///< -1: nothing
  int64_t end = 0;
  int64_t lag = 0; ///< from the low watermark when nothing is committed
  core::decoded_metadata beyond = {};
};

caf::expected<std::vector<group_position>> look_up(cluster_access& access,
                                                   const offsets_options& options) {
  auto ends = access.cluster().query_watermarks(options.topic, access.timeout());
  if (!ends)
    return std::move(ends.error());
  auto offsets = access.cluster().group_offsets(options.group, options.topic, access.timeout());
  if (!offsets)
    return std::move(offsets.error());
  std::vector<group_position> result;
  for (size_t i = 0; i < ends->size(); ++i) {
    group_position state{static_cast<int32_t>(i), -1, (*ends)[i].high, 0};
    for (const auto& known : *offsets)
      if (known.where.partition == state.partition && known.offset >= 0) {
        state.committed = known.offset;
        state.beyond = core::decode(known.metadata, known.offset);
      }
    // Records may be gone that the group has not read; those are no work any more.
    state.lag = std::max<int64_t>(state.end - std::max(state.committed, (*ends)[i].low), 0);
    result.push_back(state);
  }
  return result;
}

void print_json(std::span<const group_position> states) {
  auto partitions = nlohmann::ordered_json::array();
  for (const auto& state : states) {
    auto beyond = nlohmann::ordered_json::array();
    for (const auto& [begin, end] : state.beyond.map.out)
      beyond.push_back({begin, end - 1});
    partitions.push_back({{"partition", state.partition},
                          {"committed", state.committed},
                          {"end", state.end},
                          {"lag", state.lag},
                          {"completed_beyond", std::move(beyond)}});
  }
  print_report({{"partitions", std::move(partitions)}}, true);
}

/// What the commit's metadata says, for people; empty when it says nothing.
std::string sentence(const group_position& state) {
  constexpr size_t most_shown = 10;
  switch (state.beyond.kind) {
    case core::metadata_kind::foreign:
      return "the commit's metadata is another program's";
    case core::metadata_kind::newer:
      return "the commit's metadata is of a newer version of keyloom";
    case core::metadata_kind::damaged:
      return "the commit's metadata is damaged, or of another offset";
    default:
      break;
  }
  const auto& runs = state.beyond.map.out;
  if (runs.empty())
    return {};
  std::string result = "completed beyond the committed offset:";
  for (size_t i = 0; i < std::min(runs.size(), most_shown); ++i) {
    result += (i == 0 ? " " : ", ") + std::to_string(runs[i].begin);
    if (runs[i].end - runs[i].begin > 1)
      result += "-" + std::to_string(runs[i].end - 1);
  }
  if (runs.size() > most_shown)
    result += " and " + std::to_string(runs.size() - most_shown) + " more ranges, to "
              + std::to_string(runs.back().end - 1);
  return result;
}

void print_text(std::span<const group_position> states, const offsets_options& options) {
  std::cout << "group " << options.group << " in topic " << options.topic << '\n';
  auto row = [](const std::string& a, const std::string& b, const std::string& c,
                const std::string& d) {
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "%9s %14s %14s %14s\n", a.c_str(), b.c_str(), c.c_str(),
                  d.c_str());
    std::cout << line.data();
  };
  auto number = [](int64_t x) { return with_commas(static_cast<uint64_t>(x)); };
  row("partition", "committed", "end", "lag");
  int64_t lag = 0;
  for (const auto& state : states) {
    row(number(state.partition), state.committed < 0 ? "nothing" : number(state.committed),
        number(state.end), number(state.lag));
    lag += state.lag;
  }
  row("all", "", "", number(lag));
  for (const auto& state : states)
    if (auto about = sentence(state); !about.empty())
      std::cout << "partition " << state.partition << ": " << about << '\n';
  std::cout << std::flush;
}

} // namespace

int run_offsets(const offsets_options& options) {
  auto access = cluster_access::open(options.common);
  if (!access)
    return fail(access.error());
  auto states = look_up(*access, options);
  if (!states)
    return fail(states.error());
  if (options.common.json)
    print_json(*states);
  else
    print_text(*states, options);
  return exit_ok;
}

} // namespace keyloom::tools
