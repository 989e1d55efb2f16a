#include "tools/delivery_watch.hpp"

namespace keyloom::tools {

void delivery_watch::delivered(void*, const caf::error& refused) {
  if (!refused) {
    ++gathered_.acknowledged;
    return;
  }
  if (gathered_.refused++ == 0)
    gathered_.first_refusal = refused;
}

void delivery_watch::reports_drained() {
  gathered_.last_report = std::chrono::steady_clock::now();
  {
    std::lock_guard guard{mutex_};
    passed_on_ = gathered_;
  }
  changed_.notify_all();
}

delivery_watch::totals delivery_watch::read() const {
  std::lock_guard guard{mutex_};
  return passed_on_;
}

void delivery_watch::wait_beyond(uint64_t reported, std::chrono::milliseconds timeout) const {
  std::unique_lock guard{mutex_};
  changed_.wait_for(guard, timeout, [&] { return passed_on_.reported() > reported; });
}

} // namespace keyloom::tools
