// The jobs of one partition for one stage, on their way out. Jobs scheduled while a batch is
// handled are gathered and leave together at `flush`, as runs: one message for many jobs.
//
// A compute stage sends them to *lanes*: a key always takes the same lane, which keeps its order
// without a look-up. Other stages send each key's run to the key's *slot*, which the run port backs
// with a leased key actor; a slot is taken while its key has jobs out (I3: the slot's runs are
// worked on one at a time, in order). One thread.
#pragma once

#include "runtime/core/key_table.hpp"
#include "runtime/core/meters.hpp"
#include "runtime/core/ports.hpp"

namespace keyloom::core {

class stage_queue {
public:
  /// Compute stages use this many lanes of a partition; more only adds wake-ups (FACTS: 2 is best).
  static constexpr uint32_t lanes = 2;

  stage_queue(uint32_t stage, processor_kind kind, stage_meter& shared, run_port& port);
  stage_queue(stage_queue&&) = default;

  /// Puts a job behind all earlier ones of its key.
  void add(detail::job& j, const work_memory_ptr& memory);

  /// Sends what was added since the last time.
  void flush();

  /// The job has been worked on and finalized.
  void done(detail::job& j);

  /// False when the stage has as much as `limits` allow; never while this partition has nothing in
  /// it, so that every partition gets on.
  bool accepts(const stage_limits& limits) const;

  /// Takes this partition's share out of the shared meter, for good: jobs that still come back do
  /// not count. Later calls do nothing.
  void give_up();

  uint32_t index() const { return stage_; }

private:
  struct key_slot {
    std::string key;
    uint64_t hash = 0;
    uint32_t index = 0;
    uint32_t out = 0; ///< jobs added and not done
    bool keyed = true;
    run pending; ///< added since the last flush
  };

  void add_to_slot(detail::job& j, const work_memory_ptr& memory);
  key_slot& slot_for(const detail::job& j);

  uint32_t stage_;
  processor_kind kind_;
  stage_meter* shared_;
  run_port* port_;
  uint64_t jobs_ = 0;
  int64_t unpublished_ = 0; // change of jobs_ that `shared_` does not know yet
  run lane_runs_[lanes];
  key_table<key_slot> keys_;
  std::deque<key_slot> slots_;
  std::vector<uint32_t> free_;
  int64_t slots_used_ = 0;
  bool given_up_ = false;
  std::vector<uint32_t> touched_; // slots with pending jobs
};

} // namespace keyloom::core
