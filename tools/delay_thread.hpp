// A thread that answers the jobs of `keyloom work --processor async` after their delay, as the
// event loop of an asynchronous library would. Any thread gives it jobs, without a lock, and wakes
// it when it sleeps; it ends with its object, and what it still holds is answered before.
#pragma once

#include "tools/delay_actor.hpp"

#include <keyloom/completion.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
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
    pending* next = nullptr;
  };

  struct later {
    bool operator()(const std::unique_ptr<pending>& a, const std::unique_ptr<pending>& b) const {
      return a->due > b->due;
    }
  };

  void work();
  void rest();
  void wake();
  bool take_given();
  bool answer_due();
  static void answer(pending& done);

  std::vector<std::unique_ptr<pending>> waiting_; ///< the thread's; a heap, the first due in front
  std::atomic<pending*> given_ = nullptr;         ///< the newest, linked to earlier ones
  std::atomic<bool> sleeping_ = false;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_; ///< of changed_
  std::condition_variable changed_;
  std::thread thread_;
};

} // namespace keyloom::tools
