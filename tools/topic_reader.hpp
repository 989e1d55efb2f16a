// Reads a topic from its beginning to where it ended when the reading began, all partitions at
// once, as a reader of committed records does: what a transaction aborted is not there. It joins no
// group; it may begin where a group has come to, and commit for it. Within a partition records come
// in order; which partition is next is chance. Owned by run_verify or run_redrive. One thread.
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

  /// `access` must outlive the reader. With a `group` it begins at what that has committed.
  topic_reader(cluster_access& access, std::string topic, std::string group = {});

  /// Looks up where the topic begins and ends. errc::topic_missing when it does not exist.
  caf::error find_range();

  /// So many offsets of the range are not read: the number of records, or more where there are
  /// holes.
  uint64_t size() const;

  /// The next record of the range, valid until the next call; null at its end. Fails when nothing
  /// came for the timeout, which an open transaction causes, too.
  caf::expected<const record*> next();

  /// Commits for the group what was read, and waits for the answer.
  caf::error commit();

  /// Reads the range and calls `visit` for each record.
  caf::error read(const visitor& visit);

private:
  using clock = std::chrono::steady_clock;

  struct span_to_read {
    kafka::topic_partition where;
    int64_t next = 0;
    int64_t end = 0;
  };

  caf::error start();
  const record* take();
  caf::error wait_for_records();
  bool drain(span_to_read& from);
  caf::error look_at(kafka::consumer_event& event);
  caf::error stalled() const;

  cluster_access& access_;
  std::string topic_;
  std::string group_;
  std::vector<span_to_read> spans_; ///< of partitions that are not empty
  size_t turn_ = 0;                 ///< the span whose batch is read, or is asked next
  core::record_batch_ptr batch_;    ///< null: none is read
  size_t index_ = 0;                ///< the next record in it
  std::unique_ptr<kafka::consumer> consumer_;
  caf::error last_problem_; ///< of those the client mends by itself
};

} // namespace keyloom::tools
