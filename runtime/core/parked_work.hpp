// What of a partition failed and waits for its next call: events whose handlers are called again,
// and places of stages (slots) with jobs that are. A heap by time, so that one tick of the
// partition serves them all. Owned by its partition; one thread.
#pragma once

#include "runtime/core/order_gate.hpp"

#include <optional>
#include <vector>

namespace keyloom::core {

class parked_work {
public:
  struct entry {
    steady_time due;
    uint64_t number = 0; ///< what was parked first goes first when both are due
    event* ev = nullptr; ///< null: a place
    uint32_t stage = 0;
    uint32_t slot = 0;
  };

  void park(event& ev, steady_time due) { add({due, ++numbers_, &ev}); }
  void park(uint32_t stage, uint32_t slot, steady_time due) {
    add({due, ++numbers_, nullptr, stage, slot});
  }

  /// Takes out what is due first, when it is due.
  std::optional<entry> take_due(steady_time now);

  /// When something is due next.
  std::optional<steady_time> next() const;

  /// In no order.
  const std::vector<entry>& entries() const { return heap_; }

  void clear() { heap_.clear(); }

private:
  static bool later(const entry& a, const entry& b) {
    return a.due != b.due ? a.due > b.due : a.number > b.number;
  }
  void add(const entry& x);

  std::vector<entry> heap_;
  uint64_t numbers_ = 0;
};

} // namespace keyloom::core
