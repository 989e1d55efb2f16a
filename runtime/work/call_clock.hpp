// Watches the calls that workers make for stages with a timeout: a thread that
// sleeps until the earliest deadline. A queue of deadlines a stage, as all of a stage's lie equally
// far ahead. Any thread; the thread starts with the first call and ends with `stop`.
#pragma once

#include "runtime/core/deadline_queue.hpp"
#include "runtime/core/work_memory.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace keyloom::work {

class call_clock {
public:
  /// A call under way; belongs to who makes it.
  class call : public core::deadline_queue::entry {
  public:
    virtual ~call() = default;

    /// The call takes too long. On the clock's thread, which `begin` and `end` wait for meanwhile:
    /// so it may touch what its owner touches before `begin` and after `end` only. Must not block,
    /// nor call the clock.
    virtual void expired() = 0;

  private:
    friend class call_clock;
    bool overdue_ = false; // guarded by the clock's mutex
  };

  /// Timeouts by stage; zero: none.
  explicit call_clock(const core::plan& source);
  ~call_clock();

  /// The call begins.
  void begin(uint32_t stage, call& x);

  /// The call has ended. True: in time. False: its `expired` has returned.
  bool end(uint32_t stage, call& x);

  /// No call expires any more.
  void stop();

private:
  void watch();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<core::deadline_queue> stages_; // guarded by mutex_, as all below
  core::steady_time wakes_at_ = core::steady_time::max();
  std::thread thread_;
  bool stopped_ = false;
};

} // namespace keyloom::work
