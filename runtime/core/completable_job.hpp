// A job without a stage: the user does it by hand and says when it is done
// (`context::job_complete`). It is out from the end of its turn on, and comes back through the
// assignment's `return_port` like a run, brought by the user's thread.
//
// The user's completion outlives everything it likes to: it knows the job by a pointer that it uses
// only while the `home_gate` is open, which the partition closes before its memory may go. So a
// completion that is kept for ever keeps nothing else, and no later assignment waits for it.
#pragma once

#include "runtime/core/return_port.hpp"

#include <keyloom/detail/turn.hpp>
#include <keyloom/job_completion.hpp>

#include <atomic>
#include <mutex>

namespace keyloom::core {

class work_memory;
class completion;

struct completable_job final : detail::job {
  std::function<outcome(detail::turn&)> finish;
  caf::error failure; ///< set by the user's thread before the job comes back
  std::shared_ptr<completion> way_back;
};

/// Lets jobs come home to one assignment, until it is closed. Any thread.
class home_gate {
public:
  explicit home_gate(work_memory& memory) : memory_(&memory) {}

  /// Brings the job back to its partition, failed when there is a reason; nothing when closed.
  void bring(completable_job& j, caf::error reason);

  /// Nobody comes home any more, and nobody is on the way when it returns.
  void close();

private:
  std::recursive_mutex mutex_; // what comes home may complete another, or close: in a testkit
  work_memory* memory_;        // guarded by mutex_; null: closed
};

/// The one behind all copies of a `job_completion`. Any thread.
class completion final : public detail::completion_state {
public:
  completion(std::shared_ptr<home_gate> home, completable_job& j)
    : home_(std::move(home)), job_(&j) {}

  caf::error complete(caf::error reason) override;

  /// The turn that asked for it failed. False: it was called already, so the job will come back.
  bool cancel();

private:
  enum class state { open, called, cancelled };

  std::shared_ptr<home_gate> home_;
  completable_job* job_; // used while open only
  std::atomic<state> state_ = state::open;
};

} // namespace keyloom::core
