// Which events of a partition are out, and so what may be committed. Batches are opened in the
// order they were polled; their events get out in any order. The lowest offset not out is what a
// commit may name (I1).
//
// A byte an event says whether it is out; it lives with its batch. A batch whose events are all out
// gives its memory back, and neighbouring ones melt into one entry, so a straggler with a million
// finished events behind it costs little. One thread: the partition's.
#pragma once

#include "runtime/core/record_batch.hpp"

#include <list>

namespace keyloom::core {

class tracker {
public:
  /// A batch with events that are not out. Its address is stable until its last event is out.
  struct open_batch {
    record_batch_ptr batch;      ///< null once everything in it is out
    std::vector<uint8_t> done;   ///< a byte an event
    uint64_t first_sequence = 0; ///< sequences have no gaps, unlike offsets
    uint32_t cursor = 0;         ///< everything before it is out
    uint32_t remaining = 0;      ///< events not out
    uint64_t count = 0;          ///< events, with those of the batches that melted into this one
    int64_t next_offset = 0;     ///< the consumer's position behind it
    std::list<open_batch>::iterator self;
  };

  /// `position`: the offset the partition starts at, committable until something moves it.
  explicit tracker(int64_t position) : position_(position) {}

  /// Takes in a batch. A batch without records only moves the position (over control records).
  open_batch& open(record_batch_ptr batch);

  /// The event at `index` of `home` is out. Once per event.
  void out(open_batch& home, uint32_t index);

  /// The lowest offset not out; when everything is out, the consumer's position. Never goes back.
  int64_t committable();

  /// The batch of the oldest event that is not out, whose index is the batch's `cursor`; null when
  /// everything is out.
  const open_batch* oldest();

  /// Events taken in and not out.
  uint64_t in_flight() const { return in_flight_; }

  /// Events from the oldest one not out to the newest.
  uint64_t window() const { return window_; }

  /// Events taken in since the beginning; the next event's sequence.
  uint64_t next_sequence() const { return next_sequence_; }

private:
  void close(open_batch& entry);

  std::list<open_batch> batches_; // the first one has remaining > 0
  int64_t position_;
  uint64_t next_sequence_ = 0;
  uint64_t in_flight_ = 0;
  uint64_t window_ = 0;
};

} // namespace keyloom::core
