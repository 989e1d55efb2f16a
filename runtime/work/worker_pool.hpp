// The threads that call blocking processors. Strands that have work wait in their stage's line; as
// many of a stage are worked on at once as its concurrency allows. A thread is started when there
// is work and no idle one, so a pool has no more threads than were ever needed at once, and never
// more than the sum of the stages' concurrency.
//
// A worker keeps its strand while the key has work, but when others of its stage wait, no longer
// than a time slice: a hot key cannot starve others. Results go back about every millisecond, so a
// long run does not hold up finished work. `submit` may be called from any thread; `stop` from the
// owner's, once.
#pragma once

#include "runtime/core/meters.hpp"
#include "runtime/work/strand.hpp"

#include <condition_variable>
#include <deque>
#include <span>
#include <thread>

namespace keyloom::work {

class worker_pool {
public:
  /// How long a key may keep its worker while others wait.
  static constexpr std::chrono::milliseconds time_slice{100};
  /// Finished work of a long run is reported at least this often (checked after each call).
  static constexpr std::chrono::milliseconds report_interval{1};

  /// `concurrency` by stage; 0 for stages that are not blocking. `source` and `meters`, by stage,
  /// outlive the pool.
  worker_pool(const core::plan& source, std::vector<uint32_t> concurrency,
              std::span<core::stage_meter> meters = {});

  /// Calls `stop`.
  ~worker_pool();

  /// Puts a strand that has work (`strand::push` said so) into its stage's line.
  void submit(strand_ptr ready);

  /// Waits for the calls in progress; what has not begun is dropped.
  void stop();

  /// Calls in progress.
  size_t running() const;

private:
  struct stage_line {
    uint32_t concurrency = 0;
    uint32_t running = 0; ///< strands of this stage in `ready_` or with a worker
    std::deque<strand_ptr> waiting;
  };

  void work();
  strand_ptr next(std::unique_lock<std::mutex>& lock, strand_ptr done, bool more);
  bool work_on(strand& mine);
  bool others_wait(uint32_t stage) const;
  void count_call(const detail::job& j, int64_t change);
  void process(core::run jobs, detail::stage_base& stage);

  const core::plan& source_;
  std::span<core::stage_meter> meters_; // may be empty
  mutable std::mutex mutex_;
  std::condition_variable ready_changed_;
  std::deque<strand_ptr> ready_; // may be worked on now; guarded by mutex_, as all below
  std::vector<stage_line> lines_;
  std::vector<std::thread> threads_;
  size_t working_ = 0;
  std::atomic<bool> stopped_ = false; // changes under mutex_; looked at before each call without it
};

} // namespace keyloom::work
