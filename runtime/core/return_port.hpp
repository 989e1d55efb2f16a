// The way back into a partition, from any thread: workers, lanes and the producer use it without
// knowing what a partition is made of. One per assignment; what arrives after the partition was
// given up is dropped.
#pragma once

#include <cstdint>
#include <vector>

namespace keyloom::detail {
struct batch_job;
} // namespace keyloom::detail

namespace keyloom::core {

struct run;
struct delivery;

class return_port {
public:
  virtual ~return_port() = default;
  /// Jobs that were worked on, in order. Goes to partition::finished.
  virtual void finished(run&& part) = 0;
  /// Sets which wait in a batcher for an item to be executed again. Arrives with the next
  /// `finished`, before it. Goes to partition::sets_wait.
  virtual void sets_wait(std::vector<detail::batch_job*>&&) {} // who has no batcher hears of none
  /// A call has returned whose jobs had come back before, because it took too long: their key may
  /// go on. Goes to partition::call_returned.
  virtual void call_returned(uint32_t stage, uint32_t slot, uint32_t jobs) = 0;
  /// What the producer reported. Goes to partition::delivered.
  virtual void delivered(std::vector<delivery>&& reports) = 0;
};

} // namespace keyloom::core
