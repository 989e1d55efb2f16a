#include "actors/start_finder.hpp"

#include "actors/partition_names.hpp"
#include "runtime/kafka/cluster.hpp"

#include <algorithm>

namespace keyloom::actors {

using namespace std::chrono_literals;

namespace {

/// The broker looks that seldom for transactions that took too long.
constexpr auto broker_delay = 10s;

/// Whatever it is that does not answer.
constexpr auto least_limit = 30s;

std::string in_seconds(std::chrono::milliseconds x) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(x).count()) + " s";
}

} // namespace

std::chrono::milliseconds start_finder::limit_for(const source_config& config) {
  return std::max<std::chrono::milliseconds>(least_limit,
                                             config.transaction_timeout + broker_delay + 5s);
}

caf::expected<std::vector<partition_start>>
start_finder::find(const std::vector<kafka::topic_partition>& partitions) {
  auto offsets = committed(partitions);
  if (!offsets)
    return std::move(offsets.error());
  auto found = consumer_.look_up(partitions, how_.attempt);
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
  auto end = clock::now() + how_.limit;
  for (;;) {
    auto result = consumer_.committed(partitions, how_.attempt);
    if (result)
      return result;
    auto waiting = pending(partitions);
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now());
    if (left <= 0ms || how_.over())
      return not_in_time(result.error(), waiting);
    if (waiting.empty())
      log_.warning(log::component::poller,
                   "reading the group's committed offsets failed, trying again for "
                     + in_seconds(left) + " at most: " + describe(result.error()));
    else
      log_.warning(log::component::poller,
                   names_of(waiting)
                     + ": the group's committed offset waits for a transaction that is not ended. "
                       "When its owner died, the broker ends it at transaction.timeout ("
                     + in_seconds(config_.transaction_timeout) + " here) and "
                     + in_seconds(broker_delay) + " more; waiting " + in_seconds(left)
                     + " at most");
  }
}

/// Those whose committed offset a transaction may still change; none where that is not known.
std::vector<kafka::topic_partition>
start_finder::pending(const std::vector<kafka::topic_partition>& partitions) const {
  auto cluster = kafka::cluster::make(config_.brokers, config_.kafka);
  if (!cluster)
    return {};
  auto stable = (*cluster)->stable_offsets(config_.group, partitions, how_.attempt);
  if (!stable)
    return {};
  auto result = partitions;
  std::erase_if(result, [&stable](const auto& where) {
    return std::any_of(stable->begin(), stable->end(),
                       [&where](const auto& each) { return each.where == where; });
  });
  return result;
}

caf::error start_finder::not_in_time(const caf::error& last,
                                     const std::vector<kafka::topic_partition>& waiting) const {
  if (waiting.empty())
    return last;
  return caf::make_error(
    errc::timed_out,
    names_of(waiting) + ": after " + in_seconds(how_.limit)
      + " the group's committed offset still waits for a transaction that is not ended: its "
        "owner's transaction.timeout is longer than here ("
      + in_seconds(config_.transaction_timeout)
      + "), or it hangs. Set transaction.timeout as high as the owner's and start again, or end "
        "the transaction with Kafka's kafka-transactions.sh");
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
