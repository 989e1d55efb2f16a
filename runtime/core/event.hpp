// An event: a record, or an interjection, while it is being worked on. Made when its handler is
// called or has to wait, gone when it is out, or, under exactly once, mostly when it is complete
// (departure.hpp). An interjection has no record: its place among the
// others is its sequence, and the tracker, which counts offsets, does not know it. One thread: its
// partition's.
#pragma once

#include "runtime/core/output_arena.hpp"
#include "runtime/core/tracker.hpp"

#include <keyloom/detail/job.hpp>
#include <keyloom/record.hpp>

namespace keyloom::core {

class work_memory;
struct held_event;
struct key_chain;
struct interjection;

/// What the turns of an interjection see as their record.
inline const keyloom::record no_record{.key = {},
                                       .value = {},
                                       .headers = {},
                                       .offset = -1,
                                       .timestamp_ms = -1};

/// Tens of thousands are open at once, in no core's cache: what each turn touches is in the first
/// line of it.
struct alignas(64) event {
  record_batch_ptr batch; ///< keeps the record's memory, for jobs; once `copied`, the record alone
  tracker::open_batch* home = nullptr; ///< null for an interjection
  interjection* interjected = nullptr; ///< null for a record
  key_chain* chain = nullptr;          ///< events of the same key, while order matters
  event* next_in_chain = nullptr;      ///< of those that are not in use, the next one
  uint64_t sequence = 0;               ///< given by the order gate; without gaps, unlike offsets
  uint32_t index = 0;                  ///< of the record in the batch it came with
  uint32_t open_jobs = 0;              ///< jobs whose finalizers have not run
  bool failed = false;                 ///< skipped by policy: no further turns
  bool copied = false;                 ///< it does not need the batch it came with any more
  bool refused = false;                ///< an output was refused: it will not get out
  bool complete = false;
  bool waiting = false;     ///< its handler has to wait for others of its key
  bool dead_letter = false; ///< its last output is its dead letter

  std::vector<outgoing_record> outputs; ///< of turns that ended well
  packed_outputs packed;                ///< under exactly once: those before `outputs`
  int64_t output_bytes = 0;             ///< held in the partition's account for both
  uint64_t payload_bytes = 0;           ///< of both: keys, values, headers
  uint32_t next_output = 0;             ///< the first one the producer does not have yet
  uint32_t unacknowledged = 0;          ///< outputs handed to the producer and not reported

  held_event* held = nullptr; ///< its place in the output gate, under exactly once
  work_memory* memory = nullptr;

  detail::attempts tried; ///< calls of its handler

  const keyloom::record& record() const {
    return interjected == nullptr ? came_with().records()[copied ? 0 : index] : no_record;
  }

  /// What its record is in: while `batch` is null, what the tracker keeps until all of it is out.
  const record_batch& came_with() const { return batch != nullptr ? *batch : *home->batch; }

  /// Keeps the record's memory as long as the event.
  void keep_batch() {
    if (batch == nullptr && home != nullptr)
      batch = home->batch;
  }
};

} // namespace keyloom::core
