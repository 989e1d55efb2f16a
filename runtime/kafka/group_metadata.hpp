// Who a consumer is in its group, at one moment: member and generation. A transaction that commits
// offsets shows it to the broker, which refuses what the group has moved on from. The broker checks
// the generation, not the partitions: a process that was frozen, lost its partitions and took part
// again would be let through with metadata taken *then* (FACTS, fencing hole). So it is taken when
// the records are read, and carries the owner's number of that assignment; what was read under it
// goes out under it, or, when the owner knows that the partitions stayed, under a later one.
//
// A value, cheap to copy; any thread. Must not outlive the consumer's library, but may outlive the
// consumer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

// librdkafka's, as rdkafka.h declares it, which is included by runtime/kafka's own files only.
struct rd_kafka_consumer_group_metadata_s;

namespace keyloom::kafka {

class group_metadata {
public:
  group_metadata() = default;

  /// Takes over librdkafka's object.
  group_metadata(rd_kafka_consumer_group_metadata_s* owned, uint64_t epoch);

  /// The owner's number of the assignment; later ones are greater.
  uint64_t epoch() const { return epoch_; }

  explicit operator bool() const { return ptr_ != nullptr; }

  const rd_kafka_consumer_group_metadata_s* get() const { return ptr_.get(); }

  /// "group g, member m, generation 7", for messages.
  std::string text() const;

private:
  std::shared_ptr<const rd_kafka_consumer_group_metadata_s> ptr_;
  uint64_t epoch_ = 0;
};

} // namespace keyloom::kafka
