#include "runtime/http/event_stream.hpp"

namespace keyloom::http {

event_stream::text event_stream::next(uint64_t& seen) {
  std::unique_lock lock{mutex_};
  while (!ended_) {
    if (making_) {
      changed_.wait(lock);
    } else if (clock::now() >= due_) { // before what a page that was closed long ago got
      make_next(lock);
    } else if (number_ > seen) {
      seen = number_;
      return last_;
    } else {
      changed_.wait_until(lock, due_);
    }
  }
  return nullptr;
}

/// Without the lock while it is made: others may end the stream meanwhile.
void event_stream::make_next(std::unique_lock<std::mutex>& lock) {
  making_ = true;
  lock.unlock();
  auto made = std::make_shared<const std::string>(make_());
  lock.lock();
  making_ = false;
  last_ = std::move(made);
  ++number_;
  due_ = clock::now() + every_;
  changed_.notify_all();
}

void event_stream::end() {
  std::lock_guard guard{mutex_};
  ended_ = true;
  changed_.notify_all();
}

} // namespace keyloom::http
