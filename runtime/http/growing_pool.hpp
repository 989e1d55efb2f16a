// Threads for connections: a new one when all are busy, up to a limit, so that a process that
// nobody looks at has none, and pages that stay open keep nobody else waiting. Any thread, but
// `stop` once.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace keyloom::http {

class growing_pool {
public:
  explicit growing_pool(size_t limit) : limit_(limit) {}
  ~growing_pool() { stop(); }

  void call(std::function<void()> what);

  /// Ends when everything that was asked for is done.
  void stop();

private:
  void work();

  size_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_; // guarded by mutex_, as all below
  size_t idle_ = 0;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

} // namespace keyloom::http
