// Threads that call what they are given, for worker pools: those of one source or of several. A
// thread is started when a call comes and none is idle, so there are never more than were needed at
// once; idle ones stay until the set goes. Any thread may `call`; the destructor, which waits for
// the calls in progress, is called by none of the set's own.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace keyloom::work {

class thread_set {
public:
  thread_set() = default;
  thread_set(const thread_set&) = delete;
  thread_set& operator=(const thread_set&) = delete;
  ~thread_set();

  /// Calls `f` on a thread of the set, soon. `f` must not throw.
  void call(std::function<void()> f);

  /// Threads started so far.
  size_t size() const;

private:
  void work();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> calls_; // guarded by mutex_, as all below
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool ending_ = false;
};

} // namespace keyloom::work
