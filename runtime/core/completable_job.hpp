// A job without a stage: the user does it by hand and says when it is done
// (`context::job_complete`). It is out from the end of its turn on, and comes back through the
// assignment's `return_port` like a run, brought by the user's thread.
//
// The user's completion outlives everything it likes to: it knows the job by a pointer that it uses
// only while the assignment's `home_port` is open, which the partition closes before its memory may
// go. So a completion that is kept for ever keeps nothing else, and no later assignment waits for
// it. What is open while another thread closes it takes a lock: that is in runtime/work
// (home_gate.hpp).
#pragma once

#include "runtime/core/return_port.hpp"

#include <keyloom/detail/turn.hpp>
#include <keyloom/job_completion.hpp>

#include <atomic>
#include <functional>
#include <memory>

namespace keyloom::core {

class completion;

struct completable_job final : detail::job {
  std::function<outcome(detail::turn&)> finish;
  caf::error failure; ///< set by the user's thread before the job comes back
  std::shared_ptr<completion> way_back;
};

/// Lets jobs come home to one assignment, until it is closed. Any thread.
class home_port {
public:
  virtual ~home_port() = default;

  /// Brings the job back to its partition, failed when there is a reason; nothing when closed.
  virtual void bring(completable_job& j, caf::error reason) = 0;

  /// Nobody comes home any more, and nobody is on the way when it returns.
  virtual void close() = 0;
};

/// The one behind all copies of a `job_completion`. Any thread.
class completion final : public detail::completion_state {
public:
  completion(std::shared_ptr<home_port> home, completable_job& j)
    : home_(std::move(home)), job_(&j) {}

  caf::error complete(caf::error reason) override;

  /// The turn that asked for it failed. False: it was called already, so the job will come back.
  bool cancel();

private:
  enum class state { open, called, cancelled };

  std::shared_ptr<home_port> home_;
  completable_job* job_; // used while open only
  std::atomic<state> state_ = state::open;
};

} // namespace keyloom::core
