// Asks the cluster where partitions that were just assigned begin, and says in the log what is
// unusual about it. Made for one assignment, on the poller's thread, which may block while the
// group waits.
//
// Committed offsets wait for transactions that may still change them. An owner that died leaves its
// transaction to the broker, which ends it within transaction.timeout and ten seconds more; nobody
// knows before where its records begin, so that is waited for.
#pragma once

#include "actors/messages.hpp"
#include "runtime/log/logger.hpp"

#include <functional>
#include <map>
#include <string>

namespace keyloom::actors {

class start_finder {
public:
  struct settings {
    std::chrono::milliseconds attempt{5000};           ///< for one question to the cluster
    std::chrono::milliseconds limit{30'000};           ///< for the committed offsets
    std::function<bool()> over = [] { return false; }; ///< nobody waits for it any more
  };

  start_finder(kafka::consumer& consumer, log::logger& log, const source_config& config,
               settings how)
    : consumer_(consumer), log_(log), config_(config), how_(std::move(how)) {}

  /// How long a dead owner's transaction may be in the way, if its settings are this source's.
  static std::chrono::milliseconds limit_for(const source_config& config);

  /// An error only when the committed offsets cannot be read in time; what else the cluster does
  /// not tell within an attempt is done without, as a warning says.
  caf::expected<std::vector<partition_start>>
  find(const std::vector<kafka::topic_partition>& partitions);

private:
  using clock = std::chrono::steady_clock;

  caf::expected<std::vector<kafka::partition_offset>>
  committed(const std::vector<kafka::topic_partition>& partitions);
  std::vector<kafka::topic_partition>
  pending(const std::vector<kafka::topic_partition>& partitions) const;
  caf::error not_in_time(const caf::error& last,
                         const std::vector<kafka::topic_partition>& waiting) const;
  bool others_committed(const kafka::topic_partition& where, int32_t partitions);
  void tell(const std::vector<partition_start>& starts);

  kafka::consumer& consumer_;
  log::logger& log_;
  const source_config& config_;
  settings how_;
  std::map<std::string, bool> committed_topics_; ///< whether the group has committed any partition
};

} // namespace keyloom::actors
