// An event that may leave, until its transaction is committed. Of most it is enough by then to know
// their record's place and their packed outputs, so tens of thousands of them are a line of memory
// each, one behind the other, and their events, used again at once, stay in the core's cache.
#pragma once

#include "runtime/core/event.hpp"

namespace keyloom::core {

struct departure {
  event* whole = nullptr;              ///< null: what follows is all that is left of it
  tracker::open_batch* home = nullptr; ///< of `event`, as all that follows; it has the record
  uint64_t sequence = 0;
  uint32_t index = 0;
  packed_outputs packed = {};
  int64_t output_bytes = 0;
  uint64_t payload_bytes = 0;

  /// Whether an event is not needed for its departure: that of a record, which it has not copied,
  /// with packed outputs alone.
  static bool can_replace(const event& ev) {
    return ev.home != nullptr && !ev.copied && ev.outputs.empty();
  }

  static departure of(const event& ev) {
    return {nullptr, ev.home, ev.sequence, ev.index, ev.packed, ev.output_bytes, ev.payload_bytes};
  }

  const packed_outputs& packed_ones() const { return whole == nullptr ? packed : whole->packed; }
  int64_t offset() const {
    return whole == nullptr ? tracker::offset_of(*home, index) : whole->record().offset;
  }

  /// Looks as the event did that is gone: for who looks inside.
  event stand_in() const {
    event result;
    result.batch = home->batch;
    result.home = home;
    result.sequence = sequence;
    result.index = index;
    result.complete = true;
    return result;
  }
};

} // namespace keyloom::core
