#include "runtime/core/completable_job.hpp"

#include <keyloom/errc.hpp>

namespace keyloom::core {

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
