// What a program asks a cluster beside reading and writing: is it there, which partitions a topic
// has, where it begins and ends, what a group has committed, and creating a topic. Every call
// blocks up to its timeout; never call it on an actor's thread. One thread at a time.
#pragma once

#include "runtime/kafka/properties.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <vector>

namespace keyloom::kafka {

/// Where a partition begins and ends: [low, high).
struct watermarks {
  int64_t low = 0;
  int64_t high = 0;
};

class cluster {
public:
  /// errc::bad_config names a property the client does not take. Does not connect yet.
  static caf::expected<std::unique_ptr<cluster>> make(const std::string& brokers,
                                                      const properties& kafka = {});
  ~cluster();

  /// errc::broker_unreachable when no broker answers within `timeout`; its text holds the client's
  /// last words (refused, name unknown, ...) and names the setting.
  caf::error wait_until_reachable(std::chrono::milliseconds timeout);

  /// Number of partitions of `topic`; errc::topic_missing when it does not exist. Never creates it.
  caf::expected<int32_t> partition_count(const std::string& topic,
                                         std::chrono::milliseconds timeout);

  /// Creates a topic and waits until it can be used; an existing one is fine (`partitions` is then
  /// not compared). On the embedded broker, which has no admin API, it knows one number of
  /// partitions only, 4: errc::bad_config for others, which embedded_broker::create_topic creates;
  /// `topic_config` means nothing there.
  caf::error create_topic(const std::string& topic, int32_t partitions,
                          std::chrono::milliseconds timeout, const properties& topic_config = {});

  /// Low and high watermark of each partition 0..n-1, as a read_uncommitted reader sees them.
  caf::expected<std::vector<watermarks>> query_watermarks(const std::string& topic,
                                                          std::chrono::milliseconds timeout);

  /// What `group` has committed for each partition of `topic` (offset -1: nothing), without joining
  /// it.
  caf::expected<std::vector<partition_offset>> group_offsets(const std::string& group,
                                                             const std::string& topic,
                                                             std::chrono::milliseconds timeout);

  /// What transactions of `group` left: its committed offsets and metadata (offset -1: nothing), as
  /// a new owner may rely on them. A partition with a transaction that is not ended, whose offset
  /// may still change, is left out: ask again. It ends within transaction.timeout.ms and another 10
  /// s.
  caf::expected<std::vector<partition_offset>>
  stable_offsets(const std::string& group, const std::vector<topic_partition>& partitions,
                 std::chrono::milliseconds timeout);

  /// Where these partitions begin and end, in all that was written: by ListOffsets with
  /// read_uncommitted, whatever this client's own isolation level. Those that the cluster does not
  /// tell are an error.
  caf::expected<std::map<topic_partition, watermarks>>
  log_ends(const std::vector<topic_partition>& partitions, std::chrono::milliseconds timeout);

  /// The topic's settings as they are in force, such as cleanup.policy. Not on the embedded broker.
  caf::expected<properties> topic_config(const std::string& topic,
                                         std::chrono::milliseconds timeout);

  /// errc::bad_config on a cluster that only plays transactions: the embedded broker, which shows
  /// aborted records to everybody and forgets their offsets.
  caf::error check_transactions(std::chrono::milliseconds timeout);

private:
  struct impl;
  explicit cluster(std::unique_ptr<impl> ptr);
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom::kafka
