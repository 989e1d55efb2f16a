// A thread that answers the jobs of `keyloom work --processor async` after their delay, as the
// event loop of an asynchronous library would. Any thread gives it jobs; the thread ends with it,
// and what it still holds is answered before.
#pragma once

#include "tools/delay_actor.hpp"

#include <keyloom/completion.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

namespace keyloom::tools {

class delay_thread {
public:
  delay_thread();
  ~delay_thread();

  void answer_later(const delay_job& job, completion<int64_t> done);

private:
  using clock = std::chrono::steady_clock;

  struct pending {
    clock::time_point due;
    delay_job job;
    completion<int64_t> done;
    bool operator<(const pending& other) const { return due > other.due; }
  };

  void work();
  void take_given(std::unique_lock<std::mutex>& lock);
  void answer_due();
  static void answer(pending& done);

  std::priority_queue<pending> waiting_; // the thread's
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<pending> given_; // guarded by mutex_, as below
  bool stopped_ = false;
  std::thread thread_;
};

} // namespace keyloom::tools
