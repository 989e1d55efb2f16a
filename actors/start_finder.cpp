#include "actors/start_finder.hpp"

#include "actors/partition_names.hpp"

#include <algorithm>

namespace keyloom::actors {

using namespace std::chrono_literals;

namespace {

constexpr auto timeout = 5s;
constexpr int attempts = 6;

} // namespace

caf::expected<std::vector<partition_start>>
start_finder::find(const std::vector<kafka::topic_partition>& partitions) {
  auto offsets = committed(partitions);
  if (!offsets)
    return std::move(offsets.error());
  auto found = consumer_.look_up(partitions, timeout);
  std::vector<partition_start> result;
  for (auto& each : *offsets) {
    auto& known = found[each.where];
    core::start_facts facts{each.offset, std::move(each.metadata),
                            known.topic, known.low,
                            known.high,  false};
    if (each.offset < 0 && known.low.value_or(0) > 0)
      facts.others_committed = others_committed(each.where, known.partitions);
    if (!known.low || !known.high)
      log_.warning(log::component::poller,
                   name_of(each.where) + ": the cluster did not tell in time what the topic holds");
    result.push_back({each.where, core::choose_start(facts), known.topic});
  }
  tell(result);
  return result;
}

caf::expected<std::vector<kafka::partition_offset>>
start_finder::committed(const std::vector<kafka::topic_partition>& partitions) {
  auto result = consumer_.committed(partitions, timeout);
  for (int attempt = 1; !result && attempt < attempts; ++attempt) {
    log_.warning(log::component::poller,
                 "reading the group's committed offsets failed, trying again: "
                   + describe(result.error()));
    result = consumer_.committed(partitions, timeout);
  }
  return result;
}

bool start_finder::others_committed(const kafka::topic_partition& where, int32_t partitions) {
  auto [it, added] = committed_topics_.try_emplace(where.topic, false);
  if (!added)
    return it->second;
  std::vector<kafka::topic_partition> all;
  for (int32_t i = 0; i < partitions; ++i)
    all.push_back({where.topic, i});
  if (auto offsets = committed(all))
    it->second = std::any_of(offsets->begin(), offsets->end(),
                             [](const auto& each) { return each.offset >= 0; });
  return it->second;
}

/// Gaps are left to who knows the policy.
void start_finder::tell(const std::vector<partition_start>& starts) {
  std::vector<kafka::topic_partition> fresh;
  for (auto& each : starts)
    switch (each.from.why) {
      case core::start_point::reason::fresh:
        fresh.push_back(each.where);
        break;
      case core::start_point::reason::by_hand:
        log_.info(log::component::poller, name_of(each.where) + ": " + each.from.note);
        break;
      case core::start_point::reason::unread:
        log_.warning(log::component::poller, name_of(each.where) + ": " + each.from.note);
        break;
      default:
        break;
    }
  if (!fresh.empty())
    log_.info(log::component::poller, "nothing is committed for " + names_of(std::move(fresh))
                                        + ": starting at the earliest record");
}

} // namespace keyloom::actors
