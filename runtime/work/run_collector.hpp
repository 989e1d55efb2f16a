// Takes what workers finished home to the partitions. A partition that sleeps has to be woken,
// which costs more CPU than most finalizers: so what is finished soon after the last report is
// gathered, and goes home together, one run for each partition, `interval` after it. Work that ends
// seldom goes home at once. (100 calls of 1 ms at a time, 90,000/s: CPU per job 11.1 -> see
// ARCHITECTURE, Figures.)
//
// Reports of a key arrive in the order they were made, if its next call begins after the last one
// was reported. Any thread; the collector's own thread starts with the first run that has to wait.
#pragma once

#include "runtime/core/order_gate.hpp"
#include "runtime/core/work_memory.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace keyloom::work {

class run_collector {
public:
  /// How long a finished run may wait for others.
  static constexpr std::chrono::microseconds interval{200};

  ~run_collector();

  /// Jobs that were worked on. They go to the partition's return_port.
  void finished(core::run&& done);

  /// Sends home what was gathered; runs that come later go at once. Once.
  void stop();

private:
  void deliver();
  void gather(core::run&& done);
  static void send(std::vector<core::run>& runs);

  std::mutex mutex_;
  std::condition_variable begun_;
  std::vector<core::run> gathered_; ///< one for each partition; guarded by mutex_, as all below
  core::steady_time rests_until_{}; ///< `interval` after the last report
  bool sending_ = false;            ///< the thread is about it
  bool idle_ = true;                ///< the thread waits for something to be gathered
  bool stopped_ = false;
  std::thread thread_;
};

} // namespace keyloom::work
