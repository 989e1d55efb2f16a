#include "runtime/core/completable_job.hpp"

#include "runtime/core/work_memory.hpp"

#include <keyloom/errc.hpp>

namespace keyloom::core {

void home_gate::bring(completable_job& j, caf::error reason) {
  std::lock_guard guard{mutex_}; // until it is home, so that `close` waits for it
  if (memory_ == nullptr)
    return;
  j.failure = std::move(reason);
  run back;
  back.memory = memory_;
  back.append(j);
  memory_->back().finished(std::move(back));
}

void home_gate::close() {
  std::lock_guard guard{mutex_};
  memory_ = nullptr;
}

caf::error completion::complete(caf::error reason) {
  auto before = state_.exchange(state::called);
  if (before == state::called)
    return caf::make_error(errc::wrong_state,
                           "this job_completion was called before; what became of its event was "
                           "decided then");
  if (before == state::open) {
    auto home = home_; // in a testkit the finalizer runs meanwhile, and may drop this completion
    home->bring(*job_, std::move(reason));
  }
  return {};
}

bool completion::cancel() {
  auto open = state::open;
  return state_.compare_exchange_strong(open, state::cancelled);
}

} // namespace keyloom::core
