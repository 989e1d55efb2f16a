#include "runtime/http/growing_pool.hpp"

#include <system_error>
#include <utility>

namespace keyloom::http {

void growing_pool::call(std::function<void()> what) {
  std::lock_guard guard{mutex_};
  waiting_.push_back(std::move(what));
  if (waiting_.size() > idle_ && threads_.size() < limit_)
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // no more threads to be had: those that are there come to it
    }
  changed_.notify_one();
}

void growing_pool::stop() {
  std::vector<std::thread> threads;
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
    threads.swap(threads_);
    changed_.notify_all();
  }
  for (auto& each : threads)
    each.join();
}

void growing_pool::work() {
  std::unique_lock lock{mutex_};
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty())
      return;
    auto what = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    what();
    what = nullptr;
    lock.lock();
  }
}

} // namespace keyloom::http
