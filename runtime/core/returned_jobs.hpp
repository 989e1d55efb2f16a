// The jobs of one place of a stage that tries again what failed: how many are out, and which are
// back and cannot be finalized yet. A job is finalized when those before it are, so one that is to
// be called again holds up those behind it, whether they were worked on (a run is called as a
// whole) or not: the key's order stays (I3). Nothing else is sent meanwhile.
//
// A blocking call that has timed out keeps the place, too, until it returns. Owned by its slot in
// the stage_queue; one thread.
#pragma once

#include "runtime/core/order_gate.hpp"
#include "runtime/core/work_memory.hpp"

#include <deque>

namespace keyloom::core {

class returned_jobs {
public:
  void sent(uint32_t jobs) { out_ += jobs; }

  /// A job is back, to be finalized, or, when `due` says when, to be called again.
  void back(detail::job& j, std::optional<steady_time> due);

  /// A job is back that was not begun, because one before it failed. It is sent again.
  void unbegun() { --out_; }

  /// The next job to finalize; null when there is none, or one that is to be called again is before
  /// it.
  detail::job* take_final();

  /// All jobs are back, and at least one is to be called again.
  bool parked() const { return out_ == 0 && !home_.empty(); }

  /// When the jobs of a parked place are to be called again: when all are due, so that those of a
  /// run stay together.
  steady_time due() const { return due_; }

  /// The jobs that are to be called again, in order; `sent` follows.
  run take_again();

  /// The first job of a parked place.
  const detail::job* first() const { return home_.front(); }

  template <class Function>
  void each_again(Function f) {
    for (auto* each : home_)
      if (each->again)
        f(*each);
  }

  /// Whether a job may be sent.
  bool may_send() const { return out_ == 0 && home_.empty() && !overdue_; }

  void set_overdue(bool overdue) { overdue_ = overdue; }
  bool overdue() const { return overdue_; }

private:
  uint32_t out_ = 0;
  uint64_t finalized_ = 0;        ///< the first jobs of the place, so many
  std::deque<detail::job*> home_; ///< in their order
  steady_time due_{};
  bool overdue_ = false;
};

} // namespace keyloom::core
