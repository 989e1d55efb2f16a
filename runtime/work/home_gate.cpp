#include "runtime/work/home_gate.hpp"

namespace keyloom::work {

void home_gate::bring(core::completable_job& j, caf::error reason) {
  std::lock_guard guard{mutex_}; // until it is home, so that `close` waits for it
  if (memory_ == nullptr)
    return;
  j.failure = std::move(reason);
  core::run back;
  back.memory = memory_;
  back.append(j);
  memory_->back().finished(std::move(back));
}

void home_gate::close() {
  std::lock_guard guard{mutex_};
  memory_ = nullptr;
}

} // namespace keyloom::work
