// Reads a topic from its beginning to where it ended when the reading began, all partitions at
// once, as a reader of committed records does: what a transaction aborted is not there. It joins no
// group and commits nothing. Within a partition records come in order; which partition is next is
// chance. Owned by run_verify. One thread.
#pragma once

#include "runtime/kafka/consumer.hpp"
#include "tools/cluster_access.hpp"

#include <keyloom/record.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace keyloom::tools {

class topic_reader {
public:
  /// Called for each record, which is valid during the call.
  using visitor = std::function<void(const record&)>;

  /// `access` must outlive the reader.
  topic_reader(cluster_access& access, std::string topic);

  /// Looks up where the topic begins and ends. errc::topic_missing when it does not exist.
  caf::error find_range();

  /// So many offsets lie in the range: the number of records, or more where there are holes.
  uint64_t size() const;

  /// Reads the range and calls `visit` for each record. Fails when nothing came for the timeout,
  /// which an open transaction causes, too.
  caf::error read(const visitor& visit);

private:
  using clock = std::chrono::steady_clock;

  struct span_to_read {
    kafka::topic_partition where;
    int64_t next = 0;
    int64_t end = 0;
  };

  caf::error start();
  bool drain(span_to_read& from, const visitor& visit);
  caf::error look_for_problems();
  caf::error stalled() const;

  cluster_access& access_;
  std::string topic_;
  std::vector<span_to_read> spans_;
  std::unique_ptr<kafka::consumer> consumer_;
  caf::error last_problem_; ///< of those the client mends by itself
};

} // namespace keyloom::tools
