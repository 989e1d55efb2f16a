// A batcher's sets on their way: they come from partitions as runs, are planned into batches, and
// go back to where they came from, coalesced. What has not begun of a partition that was given up
// never begins, and what comes back of one goes nowhere (I6). Holds the memory of each partition
// that it has sets of, and no longer, because a later assignment waits for that (I3).
//
// What failed is executed again as the batcher's retry policy says. Of a partition that drains it
// is not: its sets that wait for that are counted as *standing*, and its next owner executes them.
//
// Drives no threads: who owns it executes what `next` says and tells when that is done. One thread,
// except `execute` and `fail`, which belong to the executor's.
#pragma once

#include "runtime/core/backoff.hpp"
#include "runtime/core/batch_planner.hpp"
#include "runtime/core/work_memory.hpp"

#include <keyloom/detail/batcher_base.hpp>

#include <unordered_map>

namespace keyloom::core {

class batcher {
public:
  /// How often what failed is executed again, and who hears of it.
  struct trying {
    retry_policy policy;
    uint64_t seed = 0; ///< of the jitter between tries
    std::function<void(const std::string& what, const caf::error& reason)> retrying;
  };

  batcher(const batcher_options& options, trying again);

  /// Sets of one partition.
  void add(run&& sets, steady_time now);

  /// As of `batch_planner`; what is executed comes back with `executed`.
  batch* next(steady_time now) { return planner_.next(now); }
  void executed(batch& done, steady_time now);
  std::optional<steady_time> next_deadline() const { return planner_.next_deadline(); }

  /// The partition of this memory drains.
  void hurry(work_memory& of);

  /// The partition of this memory has stopped or was given up.
  void drop(const work_memory& of, steady_time now);

  /// What a partition should hear, by its `return_port`.
  struct news {
    run done;                                ///< sets that are over; its memory says of whom
    std::vector<detail::batch_job*> waiting; ///< for something to be executed again, with data of
                                             ///< their own
  };

  /// For each partition that has some, also where only another number of sets stands.
  std::vector<news> take_news();

  uint64_t sets() const; ///< that are not over
  uint64_t waiting_items() const { return planner_.waiting(); }
  uint64_t parked_items() const { return planner_.parked(); }
  uint64_t retries() const { return planner_.retries(); }
  uint32_t running() const { return planner_.running(); }
  uint64_t batches() const { return batches_; } ///< executed so far
  uint64_t items() const { return items_; }     ///< in them
  uint64_t largest() const { return largest_; }

private:
  struct owner {
    work_memory_ptr memory;
    uint64_t sets = 0; ///< not over
    news since;
    bool drains = false;
    uint64_t standing = 0; ///< sets, while it drains
  };

  batch_planner::settings planned(const batcher_options& options);
  std::optional<steady_time> again(detail::batch_entry& item, steady_time now);
  void take_from_planner();
  bool now_stand(owner& from);

  trying again_;
  std::minstd_rand random_;
  batch_planner planner_;
  std::unordered_map<const void*, owner> owners_;
  std::vector<const void*> order_; ///< of them, as they came
  uint64_t batches_ = 0;
  uint64_t items_ = 0;
  uint64_t largest_ = 0;
};

/// Calls the batcher's function. What it throws, or returns, is the error of all items that have
/// none.
void execute(detail::batcher_base& definition, batch& items) noexcept;

/// The error of all items of a batch that have none.
void fail(batch& items, const caf::error& reason);

} // namespace keyloom::core
