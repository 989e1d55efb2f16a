#include "runtime/work/thread_set.hpp"

namespace keyloom::work {

thread_set::~thread_set() {
  {
    std::lock_guard guard{mutex_};
    ending_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

void thread_set::call(std::function<void()> f) {
  {
    std::lock_guard guard{mutex_};
    calls_.push_back(std::move(f));
    if (idle_ < calls_.size()) {
      threads_.emplace_back([this] { work(); });
      return;
    }
  }
  changed_.notify_one(); // not under the lock, which the thread takes first of all
}

size_t thread_set::size() const {
  std::lock_guard guard{mutex_};
  return threads_.size();
}

void thread_set::work() {
  std::unique_lock lock{mutex_};
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return ending_ || !calls_.empty(); });
    --idle_;
    if (calls_.empty())
      return; // ending, and everything was called
    auto f = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    f();
    f = nullptr; // what it holds goes on this thread, outside of the lock
    lock.lock();
  }
}

} // namespace keyloom::work
