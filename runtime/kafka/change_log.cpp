#include "runtime/kafka/change_log.hpp"

#include "runtime/kafka/time.hpp"

#include <keyloom/errc.hpp>

namespace keyloom::kafka {

namespace {

constexpr auto policy_name = "cleanup.policy";
constexpr auto policy = "compact";

caf::error other_partitions(const change_log_topic& wanted, int32_t found) {
  return caf::make_error(errc::bad_config,
                         "the change-log topic " + wanted.name + " has " + std::to_string(found)
                           + " partitions, but its source " + wanted.source + " has "
                           + std::to_string(wanted.partitions)
                           + ", and the changes of a partition belong in the one of the same "
                             "number: name another change-log topic, which is created as it must "
                             "be (the state begins anew), or give back the partitions");
}

caf::error other_policy(const change_log_topic& wanted, const std::string& found) {
  return caf::make_error(errc::bad_config, "the change-log topic " + wanted.name + " has "
                                             + policy_name + " = \"" + found
                                             + "\", with which changes get lost or are kept for "
                                               "ever; it must be \""
                                             + policy + "\": change it (kafka-configs --alter "
                                             + "--add-config " + policy_name + "=" + policy
                                             + "), or name another change-log topic");
}

} // namespace

caf::error ensure_change_log(cluster& at, const change_log_topic& wanted,
                             std::chrono::milliseconds timeout) {
  deadline until{timeout};
  auto found = at.partition_count(wanted.name, until.left());
  if (!found && found.error() == errc::topic_missing) {
    if (auto err = at.create_topic(wanted.name, wanted.partitions, until.left(),
                                   {{policy_name, policy}}))
      return err;
    // Another process may have been first.
    found = at.partition_count(wanted.name, until.left());
  }
  if (!found)
    return std::move(found.error());
  if (*found != wanted.partitions)
    return other_partitions(wanted, *found);
  auto config = at.topic_config(wanted.name, until.left());
  if (!config)
    return std::move(config.error());
  auto found_policy = config->find(policy_name);
  if (found_policy == config->end() || found_policy->second != policy)
    return other_policy(wanted, found_policy == config->end() ? "" : found_policy->second);
  return {};
}

} // namespace keyloom::kafka
