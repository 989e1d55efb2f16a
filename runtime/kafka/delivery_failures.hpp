// What became of the records of a transaction that were not delivered: the worst of them, and how
// many. Good ones are not reported at all. The client's background thread notes, the producer's
// asks.
#pragma once

#include "runtime/kafka/handles.hpp"
#include "runtime/kafka/transaction.hpp"

#include <mutex>
#include <optional>
#include <string>

namespace keyloom::kafka {

/// Sent again, it would fail again.
bool is_permanent(rd_kafka_resp_err_t code);

/// What the client hands back with a record: its place among the transaction's, over all parts.
void* token_of(size_t place);
size_t place_of(const void* token);

class delivery_failures {
public:
  struct summary {
    rd_kafka_resp_err_t code; ///< a permanent one, where there is any
    std::string where;        ///< topic/partition of the first that has it
    size_t count;             ///< records that failed in this way, for good or not
    record_range places;      ///< that has all of these
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
