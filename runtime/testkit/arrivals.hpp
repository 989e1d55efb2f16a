// What comes into a session from outside: any thread puts it in, the test's own thread takes it
// out. From the test's thread it is seen at once, from another one with the test's next call of the
// kit. May outlive the session: after `close` it drops what still comes.
#pragma once

#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace keyloom::rig {

template <class T>
class arrivals {
public:
  /// `arrived` is called on the thread that makes this, when something came from there.
  explicit arrivals(std::function<void()> arrived) : arrived_(std::move(arrived)) {}

  /// Any thread.
  void put(T&& what) {
    {
      std::lock_guard guard{mutex_};
      if (closed_)
        return;
      there_.push_back(std::move(what));
    }
    if (std::this_thread::get_id() == owner_ && arrived_)
      arrived_();
  }

  /// What has arrived since the last time.
  std::vector<T> take() {
    std::lock_guard guard{mutex_};
    return std::exchange(there_, {});
  }

  /// The session ends, on the thread that made this.
  void close() {
    arrived_ = nullptr;
    std::vector<T> dropped; // goes after the lock
    std::lock_guard guard{mutex_};
    closed_ = true;
    dropped.swap(there_);
  }

private:
  const std::thread::id owner_ = std::this_thread::get_id();
  std::function<void()> arrived_; // the owner's
  std::mutex mutex_;
  std::vector<T> there_; // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_
};

} // namespace keyloom::rig
