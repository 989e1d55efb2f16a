// Asks the cluster where partitions that were just assigned begin, and says in the log what is
// unusual about it. Made for one assignment, on the poller's thread, which may block while the
// group waits.
#pragma once

#include "actors/messages.hpp"
#include "runtime/log/logger.hpp"

#include <map>
#include <string>

namespace keyloom::actors {

class start_finder {
public:
  start_finder(kafka::consumer& consumer, log::logger& log) : consumer_(consumer), log_(log) {}

  /// An error only when the committed offsets cannot be read within half a minute; what else the
  /// cluster does not tell within 5 s is done without, as a warning says.
  caf::expected<std::vector<partition_start>>
  find(const std::vector<kafka::topic_partition>& partitions);

private:
  caf::expected<std::vector<kafka::partition_offset>>
  committed(const std::vector<kafka::topic_partition>& partitions);
  bool others_committed(const kafka::topic_partition& where, int32_t partitions);
  void tell(const std::vector<partition_start>& starts);

  kafka::consumer& consumer_;
  log::logger& log_;
  std::map<std::string, bool> committed_topics_; ///< whether the group has committed any partition
};

} // namespace keyloom::actors
