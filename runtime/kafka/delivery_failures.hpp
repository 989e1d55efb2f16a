// What became of the records of a transaction that were not delivered: the worst of them, and how
// many. Good ones are not reported at all. The client's background thread notes, the producer's
// asks.
#pragma once

#include "runtime/kafka/handles.hpp"

#include <mutex>
#include <optional>
#include <string>

namespace keyloom::kafka {

/// Sent again, it would fail again.
bool is_permanent(rd_kafka_resp_err_t code);

/// What the client hands back with a record: the part of the transaction that it is of.
void* token_of(size_t part);

class delivery_failures {
public:
  struct summary {
    rd_kafka_resp_err_t code;
    std::string where; ///< topic/partition
    size_t part;
    size_t count; ///< records
  };

  /// A new transaction.
  void reset();

  /// From an event of kind RD_KAFKA_EVENT_DR.
  void note(rd_kafka_event_t* reports);

  std::optional<summary> seen() const;

private:
  void note(const rd_kafka_message_t& message);

  mutable std::mutex mutex_;
  std::optional<summary> seen_; ///< guarded by mutex_
};

} // namespace keyloom::kafka
