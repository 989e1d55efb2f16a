// Notices that a partition stands still: its oldest event is the same for too long while there is
// something to do (I10). Told the time and what is oldest, it says what to report: that it stands
// still, once after `warning` and then each time it has stood twice as long, and that it moved
// again. One for each assigned partition, kept by the source actor, which asks about once in a
// tenth of `warning`. One thread.
#pragma once

#include "runtime/core/order_gate.hpp"

namespace keyloom::core {

class stall_watch {
public:
  enum class verdict { nothing, stands_still, moved };

  stall_watch(std::chrono::milliseconds warning, steady_time now)
    : warning_(warning), since_(now), report_at_(warning) {}

  /// `oldest`: the lowest offset not out. `busy`: there is something to do, so it should move.
  verdict look(int64_t oldest, bool busy, steady_time now);

  /// How long it has stood still by the last look; after `moved`, how long it had.
  std::chrono::milliseconds stood() const { return stood_; }

  /// How often to look.
  static std::chrono::milliseconds interval(std::chrono::milliseconds warning);

private:
  std::chrono::milliseconds warning_;
  int64_t oldest_ = -1;
  steady_time since_;
  std::chrono::milliseconds report_at_; ///< standing still for so long
  std::chrono::milliseconds stood_{0};
  bool reported_ = false;
};

} // namespace keyloom::core
