// Which events of a partition are out, and so what may be committed. Batches are opened in the
// order they were polled; their events get out in any order. The lowest offset not out is what a
// commit may name (I1); what is out beyond it goes into the commit's completion map.
//
// An assignment may inherit such a map: records it names were out before, so they are out as soon
// as they come (`skip_inherited`). Until they have come the map's runs are carried on.
//
// A byte an event says whether it is out; it lives with its batch. A batch whose events are all out
// gives its memory back, and neighbouring ones melt into one entry, so a straggler with a million
// finished events behind it costs little. One thread: the partition's.
#pragma once

#include "runtime/core/completion_map.hpp"
#include "runtime/core/record_batch.hpp"

#include <chrono>
#include <list>

namespace keyloom::core {

class tracker {
public:
  /// A batch with events that are not out. Its address is stable until its last event is out.
  struct open_batch {
    record_batch_ptr batch;       ///< null once nobody needs it any more
    std::vector<uint8_t> done;    ///< a byte an event
    uint32_t cursor = 0;          ///< everything before it is out
    uint32_t remaining = 0;       ///< events not out
    uint32_t copied = 0;          ///< of those: do not need the batch
    std::vector<int64_t> offsets; ///< of all its events, when some are left and the batch is gone
    std::chrono::steady_clock::time_point taken{};
    uint64_t count = 0;       ///< events, with those of the batches that melted into this one
    int64_t first_offset = 0; ///< of its first event; `next_offset` when there is none
    int64_t next_offset = 0;  ///< the consumer's position behind it
    std::list<open_batch>::iterator self;
  };

  /// Events of a batch, from `begin` up to, but without, `end`.
  struct index_range {
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  /// `position`: the offset the partition starts at, committable until something moves it.
  /// `inherited`: what was out beyond it before, as progress has it.
  explicit tracker(int64_t position, std::vector<offset_run> inherited = {});

  /// Takes in a batch, at the time `now`. A batch without records only moves the position (over
  /// control records).
  open_batch& open(record_batch_ptr batch, std::chrono::steady_clock::time_point now = {});

  /// Whether records that are still to come were out before this assignment.
  bool inherits() const { return !inherited_.empty(); }

  /// Counts those events of `home` as out that are inherited. `home` is what `open` made of `batch`
  /// just now; it is gone when no event is left. Returns the events that are left, in order.
  std::vector<index_range> skip_inherited(open_batch& home, const record_batch& batch);

  /// The event at `index` of `home` is out. Once per event. `copied`: as told before.
  void out(open_batch& home, uint32_t index, bool copied = false);

  /// An event of `home` has its record elsewhere from now on. When all that are not out have, the
  /// batch is let go.
  void copied(open_batch& home);

  /// The offset of an event of a batch that is not out wholly.
  static int64_t offset_of(const open_batch& home, uint32_t index) {
    return home.batch != nullptr ? home.batch->records()[index].offset : home.offsets[index];
  }

  /// The lowest offset not out; when everything is out, the consumer's position. Never goes back.
  int64_t committable();

  /// The batch of the oldest event that is not out, whose index is the batch's `cursor`; null when
  /// everything is out.
  const open_batch* oldest();

  /// Whether `beyond` would find anything. Costs nothing, so it may be asked once a message. Right
  /// behind `committable` only, which moves what it counts from.
  bool has_beyond() const;

  /// What is out beyond `committable`, with what is inherited and still to come: as much as a
  /// completion map can name. Walks over all events of unfinished batches: a millisecond for a
  /// million.
  std::vector<offset_run> beyond();

  /// Events taken in and not out.
  uint64_t in_flight() const { return in_flight_; }

  /// Events from the oldest one not out to the newest.
  uint64_t window() const { return window_; }

private:
  void close(open_batch& entry);
  static void let_go(open_batch& home);
  uint64_t beyond_count() const;

  std::list<open_batch> batches_; // the first one has remaining > 0
  int64_t position_;
  std::vector<offset_run> inherited_; // none begins before the position behind the last batch
  uint64_t in_flight_ = 0;
  uint64_t window_ = 0;
};

} // namespace keyloom::core
