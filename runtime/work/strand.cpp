#include "runtime/work/strand.hpp"

namespace keyloom::work {

bool strand::push(core::run&& jobs) {
  std::lock_guard guard{mutex_};
  queue_.append(std::move(jobs));
  return !std::exchange(busy_, true);
}

core::run strand::take() {
  std::lock_guard guard{mutex_};
  busy_ = !queue_.empty();
  return std::exchange(queue_, core::run{});
}

void strand::put_back(core::run&& jobs) {
  std::lock_guard guard{mutex_};
  jobs.append(std::move(queue_));
  queue_ = std::move(jobs);
}

} // namespace keyloom::work
