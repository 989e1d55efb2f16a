// A batcher's sets on their way: they come from partitions as runs, are planned into batches, and go
// back to where they came from, coalesced. What has not begun of a partition that was given up never
// begins, and what comes back of one goes nowhere (I6). Holds the memory of each partition that it
// has sets of, and no longer, because a later assignment waits for that (I3).
//
// Drives no threads: who owns it executes what `next` says and tells when that is done. One thread,
// except `execute` and `fail`, which belong to the executor's.
#pragma once

#include "runtime/core/batch_planner.hpp"
#include "runtime/core/work_memory.hpp"

#include <keyloom/detail/batcher_base.hpp>

#include <unordered_map>

namespace keyloom::core {

class batcher {
public:
  explicit batcher(const batcher_options& options);

  /// Sets of one partition.
  void add(run&& sets, steady_time now);

  /// As of `batch_planner`; what is executed comes back with `executed`.
  batch* next(steady_time now) { return planner_.next(now); }
  void executed(batch& done, steady_time now);
  std::optional<steady_time> next_deadline() const { return planner_.next_deadline(); }

  /// The partition of this memory drains.
  void hurry(const work_memory& of) { planner_.hurry(&of); }

  /// The partition of this memory has stopped or was given up.
  void drop(const work_memory& of, steady_time now);

  /// The sets that are over, for `return_port::finished` of their partitions: one run for each.
  std::vector<run> take_done();

  uint64_t sets() const; ///< that are not over
  uint64_t waiting_items() const { return planner_.waiting(); }
  uint32_t running() const { return planner_.running(); }
  uint64_t batches() const { return batches_; } ///< executed so far
  uint64_t items() const { return items_; }     ///< in them
  uint64_t largest() const { return largest_; }

private:
  struct owner {
    work_memory_ptr memory;
    uint64_t sets = 0; ///< not over
    run done;
  };

  void take_ended();

  batch_planner planner_;
  std::unordered_map<const void*, owner> owners_;
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
