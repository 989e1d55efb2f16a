// The workers that call blocking processors. Strands that have work wait in their stage's line; as
// many of a stage are worked on at once as its concurrency allows. A worker is a thread of a
// `thread_set`, taken when there is work and given back when there is none: sources that share a
// set share its threads, each within its own stages' concurrency.
//
// A strand whose next job is held back by an inspector is put aside until it is looked at again.
//
// A worker keeps its strand while the key has work, but when others of its stage wait, no longer
// than a time slice: a hot key cannot starve others. Results go back about every millisecond, so a
// long run does not hold up finished work. `submit` may be called from any thread; `stop` from the
// owner's, once; the rest by any thread.
#pragma once

#include "runtime/core/meters.hpp"
#include "runtime/work/call_clock.hpp"
#include "runtime/work/run_collector.hpp"
#include "runtime/work/strand.hpp"
#include "runtime/work/thread_set.hpp"

#include <span>

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
              std::span<core::stage_meter> meters = {},
              std::shared_ptr<thread_set> threads = std::make_shared<thread_set>());

  /// Calls `stop`.
  ~worker_pool();

  /// Puts a strand that has work (`strand::push` said so) into its stage's line.
  void submit(strand_ptr ready);

  /// Changes how many strands of a stage are worked on at once. More begin at once; with fewer,
  /// workers give their strands back as their calls return.
  void set_concurrency(uint32_t stage, uint32_t concurrency);

  /// What the stage holds back has changed, or a partition that has jobs of it was given up: looks
  /// again at the strands that were put aside.
  void look_again(uint32_t stage);

  /// Waits for the calls in progress, also for those whose timeout has passed; what has not begun
  /// is dropped. Lets go of the threads.
  void stop();

  /// Calls in progress.
  size_t running() const;

private:
  struct stage_line {
    uint32_t concurrency = 0;
    uint32_t running = 0; ///< strands of this stage in `ready_` or with a worker; more than
                          ///< `concurrency` for a while after that was lowered
    std::deque<strand_ptr> waiting;
    std::vector<strand_ptr> held;       ///< what is next in them is held back
    std::atomic<bool> overfull = false; ///< running > concurrency; looked at without the lock
  };

  /// What became of a strand that is given back.
  struct rest {
    bool more = false;                               ///< it has work
    std::shared_ptr<const detail::pauses> held_by{}; ///< what holds that back; null: nothing
    core::work_memory_ptr memory{};                  ///< of what is held back
  };

  static void note(stage_line& line);
  void make_ready(stage_line& line, strand_ptr strand);
  void make_first_ready(stage_line& line);
  void begin_waiting(stage_line& line);
  void call_worker();
  void work();
  strand_ptr next(strand_ptr done, const rest& of);
  void give_back(strand_ptr done, const rest& of);
  rest work_on(strand& mine);
  bool others_wait(uint32_t stage) const;
  void count_call(uint32_t stage, int64_t change);
  void note_call(uint32_t stage, uint64_t jobs, std::chrono::steady_clock::duration took);
  bool goes_on(const core::run& jobs, uint32_t stage) const;
  void process(core::run& jobs, detail::stage_base& stage, uint32_t index);
  void process_timed(core::run& jobs, detail::stage_base& stage, uint32_t index);

  const core::plan& source_;
  std::span<core::stage_meter> meters_; // may be empty
  call_clock clock_;
  run_collector collector_;
  mutable std::mutex mutex_;
  std::condition_variable worker_ended_;
  std::deque<strand_ptr> ready_; // may be worked on now; guarded by mutex_, as all below
  std::vector<stage_line> lines_;
  std::shared_ptr<thread_set> threads_;
  size_t workers_ = 0; ///< on a thread or called: never fewer than `working_` and `ready_` need
  size_t working_ = 0; ///< have a strand
  std::atomic<bool> stopped_ = false; // changes under mutex_; looked at before each call without it
};

} // namespace keyloom::work
