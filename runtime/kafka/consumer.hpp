// A consumer of one group that leaves all decisions to its owner: rebalances, commits and errors
// come out of `next_event`, records out of `drain`, partition by partition. It never pauses a
// partition and never commits by itself: back-pressure is not draining.
//
// Every assigned partition's queue is taken out of the consumer's own queue before it is assigned
// (rd_kafka_queue_forward(q, nullptr)), and the handle is kept for as long as the consumer lives,
// because the flag sticks to the partition. Owned by the poller, which is the one thread that calls
// it; the two functions marked "any thread" are the exception.
#pragma once

#include "runtime/core/record_batch.hpp"
#include "runtime/core/topic_id.hpp"
#include "runtime/kafka/group_metadata.hpp"
#include "runtime/kafka/properties.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <variant>

namespace keyloom::kafka {

/// The group gives these partitions to us. Answer with `assign`, at once when empty (a held event
/// stands the group still).
struct partitions_assigned {
  std::vector<topic_partition> partitions;
};

/// The group takes these partitions from us. Answer with `unassign`. `lost`: they are somebody
/// else's already, so nothing may be committed.
struct partitions_revoked {
  std::vector<topic_partition> partitions;
  bool lost = false;
};

/// The answer to `commit_async`. `error` is set when the call failed or any partition of it did. A
/// commit that is under way when the consumer ends may stay without an answer.
struct offsets_committed {
  std::vector<partition_offset> offsets;
  caf::error error;
  bool retriable = false; ///< the same commit may be tried again under the present membership
  bool metadata_too_large = false; ///< of one partition at least; it may succeed with less
};

/// A problem the client met. Only `fatal` ones need an answer (end the consumer), others heal.
struct client_error {
  caf::error error;
  bool fatal = false;
};

/// A partition that cannot be read on, e.g. its position is outside of what the topic holds, its
/// bytes are damaged, or the topic is gone or not authorised. It gives nothing more until it is
/// assigned anew, so that nothing behind the failure is taken for the next record.
struct partition_failed {
  topic_partition where;
  caf::error error;
};

/// The answer to `identify`: which topics the names are of. Those that are not there, or have no
/// id, are left out; all of them when the cluster did not answer in time.
struct topics_identified {
  std::map<std::string, core::topic_id> ids;
};

/// What the cluster told of a partition; empty where it did not.
struct partition_facts {
  std::optional<core::topic_id> topic;
  int32_t partitions = 0;      ///< of the topic; 0: not known
  std::optional<int64_t> low;  ///< the earliest offset it holds
  std::optional<int64_t> high; ///< the offset of the next record
};

using consumer_event = std::variant<partitions_assigned, partitions_revoked, offsets_committed,
                                    client_error, partition_failed, topics_identified>;

class consumer {
public:
  struct config {
    std::string brokers;
    std::string group;
    properties kafka = {};
    /// Where the position is outside of what the topic holds, go on at the earliest record, as one
    /// line of `log` says; otherwise the partition fails.
    bool skips_gaps = false;
    /// Records come without their headers, which are dear to ask the client for.
    bool skip_headers = false;
    /// Most that a partition's queue in the client holds before it fetches no more, in KiB; the
    /// property queued.max.messages.kbytes wins.
    uint32_t queue_kbytes = 65536;
    /// Of a partition, which the client keeps ready at least; the property queued.min.messages
    /// wins.
    uint32_t queue_messages = 20'000;
    /// Called, on any thread, when an event or a record may be waiting; must only raise a flag. A
    /// queue wakes when it was empty: after a wake-up take events until there are none, and drain a
    /// partition until it gives less than asked for.
    std::function<void()> wake;
    /// Receives the client's own log lines (level as syslog's: 3 error, 4 warning, 6 info), on the
    /// thread that calls next_event.
    std::function<void(int level, const std::string& text)> log;
  };

  /// errc::bad_config names a property the client does not take.
  static caf::expected<std::unique_ptr<consumer>> make(config cfg);

  /// Waits for the client's threads. When `close` has not run to its end, leaves the group first,
  /// answering whatever it asks by giving everything back, for 5 s at most. Batches outlive it.
  ~consumer();

  /// Joins the group for these topics.
  caf::error subscribe(const std::vector<std::string>& topics);

  /// Leaves the group, which takes back what it gave (partitions_revoked), until `subscribe`.
  caf::error unsubscribe();

  /// Takes the next waiting event, waiting up to `timeout`. Must be called at least every
  /// max.poll.interval.ms or the group removes this member.
  std::optional<consumer_event> next_event(std::chrono::milliseconds timeout);

  /// Committed offsets of the group, as the coordinator tells. Blocks up to `timeout`.
  caf::expected<std::vector<partition_offset>> committed(const std::vector<topic_partition>& of,
                                                         std::chrono::milliseconds timeout);

  /// What else the cluster knows of partitions. Blocks up to `timeout`; what it does not tell by
  /// then is left out.
  std::map<topic_partition, partition_facts> look_up(const std::vector<topic_partition>& partitions,
                                                     std::chrono::milliseconds timeout);

  /// Asks the cluster which topics these names are of; the answer arrives as topics_identified,
  /// when `timeout` has passed at the latest.
  void identify(const std::vector<std::string>& topics, std::chrono::milliseconds timeout);

  /// Who this consumer is in its group now, under the owner's number of the assignment. Take it
  /// when an assignment was answered, before records of it are drained; none before the group was
  /// joined.
  group_metadata membership(uint64_t epoch) const;

  /// Accepts an assignment and starts fetching at the given offsets (-1: the earliest record).
  caf::error assign(const std::vector<partition_offset>& start);

  /// Gives partitions back; answers `partitions_revoked`. With an empty list: answers an empty
  /// event.
  caf::error unassign(const std::vector<topic_partition>& partitions);

  /// Copies up to `max_records` records and about `max_bytes` bytes that were fetched from `where`
  /// into a batch; null when nothing is there, or the partition is not ours or failed. Never waits.
  /// A batch without records carries a position that moved on over control records, or the first
  /// one that is known, where a partition read from its start turns out to be empty.
  core::record_batch_ptr drain(const topic_partition& where, size_t max_records, size_t max_bytes);

  /// True once something came of an assigned partition: a record, an error, or that it is at its
  /// end.
  bool has_heard(const topic_partition& of) const;

  /// The offset behind the last record of a partition, as the last answer to a fetch told; -1: not
  /// known. Asks nobody.
  int64_t end_of(const topic_partition& where) const;

  /// Sends a commit; the answer arrives as offsets_committed. Any thread.
  caf::error commit_async(const std::vector<partition_offset>& offsets);

  /// True when the group took the assignment away without asking. Any thread. A member that left an
  /// event of its group unanswered may not know yet; its commits are refused all the same.
  bool assignment_lost() const;

  /// Begins leaving the group; revoke events keep coming out of next_event until `closed`. Later
  /// calls do nothing.
  void close();
  bool closed() const;

private:
  struct impl;
  explicit consumer(std::unique_ptr<impl> ptr);
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom::kafka
