// Sees to it that a partition is read of the topic it began with, although topics may be deleted
// and created anew under their names (core::topic_watch says why the client does not). Where that
// happened, records may be missing, so the policy on_gap decides: the partition fails with an error
// that says so, or the group is left and joined again; the partition is then given anew and begins
// at the new topic's earliest record, as `core::choose_start` finds.
//
// A failure of a partition is held back until the cluster has told whether the topic is still the
// same, as what the client makes of another one is misleading. Owned by the poller, on its thread.
#pragma once

#include "runtime/core/topic_watch.hpp"
#include "runtime/kafka/consumer.hpp"
#include "runtime/log/logger.hpp"

#include <keyloom/source_config.hpp>

#include <set>

namespace keyloom::actors {

class topic_guard {
public:
  /// `topics`: what the consumer is subscribed to.
  topic_guard(kafka::consumer& of, std::vector<std::string> topics, gap_action on_gap,
              log::logger& to)
    : consumer_(of), subscription_(std::move(topics)), on_gap_(on_gap), log_(to) {}

  /// The partition is assigned, and of this topic, where the broker told.
  void follow(const kafka::topic_partition& where, const std::optional<core::topic_id>& topic);

  /// The group takes the partition back.
  void forget(const kafka::topic_partition& where);

  /// These were given back to the group. An error: the group cannot be joined again.
  caf::error given_back(const std::vector<kafka::topic_partition>& partitions);

  /// The consumer is closing: nothing is to be done any more.
  void stop();

  /// Asks the cluster when it is time to.
  void look();

  /// True when the failure is held back; `learn` gives it later.
  bool hold(const kafka::partition_failed& news);

  /// The cluster has answered: the partitions that have failed.
  std::vector<kafka::partition_failed> learn(const kafka::topics_identified& news);

private:
  void begin_anew(const std::vector<kafka::topic_partition>& partitions);

  kafka::consumer& consumer_;
  std::vector<std::string> subscription_;
  gap_action on_gap_;
  log::logger& log_;
  core::topic_watch<kafka::topic_partition> watch_{std::chrono::seconds{5}};
  std::map<kafka::topic_partition, caf::error> failures_; ///< held back
  std::set<kafka::topic_partition> leaving_;              ///< begin anew once all are given back
  bool stopped_ = false;
};

} // namespace keyloom::actors
