// The jobs of one partition for one stage, on their way out. Jobs scheduled while a batch is
// handled are gathered and leave together at `flush`, as runs: one message for many jobs.
//
// Jobs that must be worked on one after the other have a *place* in common, where they are worked
// on in the order scheduled (I3). A place is a lane or a slot:
//   lanes   for compute stages; a few for all stages of the partition. A key always takes the same
//           lane, which keeps its order without a look-up.
//   slots   for all others, and for compute stages that take a key's whole run at once. The run
//           port backs a slot with a leased key actor while it has jobs out; a lane gets a slot's
//           jobs in one piece.
// Item sets of a batcher have no place: it orders them itself, and gets a batch's in one message.
// The stage's mode says which jobs share a place: those of a key (by_key), all (by_partition: one
// slot or lane, with jobs of several keys), none (unordered: a slot for each, or lanes in turn). A
// job without a key is a key of its own.
//
// A stage that tries again what failed sends the jobs of a place one call after the other, or,
// where runs stop behind what failed (blocking functions), some calls at once: what comes back goes
// into the slot's `returned_jobs`, which says what may be finalized and what is called again.
//
// What an inspector holds back (`pause`) stays here, in the order scheduled: in its slot, or, of
// stages with lanes, before it has a place, because what has one there comes back in order. Jobs
// that were sent before are not called back; who works on them looks whether it may begin.
//
// A *pass* is a job that does nothing but wait its turn. It never leaves: it waits at its place
// until all jobs before it are done, whoever works on them. One thread.
#pragma once

#include "runtime/core/key_table.hpp"
#include "runtime/core/meters.hpp"
#include "runtime/core/ports.hpp"
#include "runtime/core/returned_jobs.hpp"

namespace keyloom::core {

class stage_queue {
public:
  /// Jobs of a key that are sent together where failed ones are tried again.
  static constexpr uint32_t longest_run = 100;

  /// Compute stages use this many lanes of a partition; more only adds wake-ups (FACTS: 2 is best).
  static constexpr uint32_t lanes = 2;

  /// `lanes_in_order`: lanes bring jobs back in the order they got them. Otherwise there is one
  /// lane, and what a pass waits for is known by key. `retries`: jobs that failed may be called
  /// again. `runs_stop`: who calls blocking functions stops behind one that failed then, and brings
  /// back the rest of its run as it was.
  stage_queue(uint32_t stage, const detail::stage_base& definition, stage_meter& shared,
              run_port& port, bool lanes_in_order = true, bool retries = false,
              bool runs_stop = true);
  stage_queue(stage_queue&&) = default;

  /// Puts a job behind all earlier ones of its place.
  void add(detail::job& j, const work_memory_ptr& memory);

  /// Puts a pass behind all earlier jobs of its place; `done` gives it back. False: there are none,
  /// so it is over at once and was not taken.
  bool add_pass(detail::job& j);

  /// Sends what was added since the last time.
  void flush();

  /// From now on these are held back, null: none; `flush` sends what is not any more. `passes`: as
  /// of `done`.
  void pause(std::shared_ptr<const detail::pauses> now, run& passes);

  /// The job has been worked on and finalized. Appends the passes whose turn has come to `passes`;
  /// they are not in the stage any more.
  void done(detail::job& j, run& passes);

  /// A call has returned whose jobs were done before it: until now its key kept its slot, so that
  /// the key's next jobs waited behind it (I3). `passes`: as of `done`.
  void call_returned(uint32_t number, uint32_t jobs, run& passes);

  // -- with retries ------------------------------------------------------------------------------

  bool retries() const { return retries_; }

  /// A job has come back, to be finalized, or to be called again when it is due.
  void back(detail::job& j, std::optional<steady_time> due);

  /// A job has come back that was not begun, because one before it in its run failed: it waits
  /// before those that were not sent.
  void back_unbegun(detail::job& j);

  /// The next job of the slot to finalize, or null.
  detail::job* take_final(uint32_t number) { return slots_[number].returned.take_final(); }

  /// All jobs of the slot that were sent are back, and some are to be called again, at `due`.
  bool parked(uint32_t number) const { return slots_[number].returned.parked(); }
  steady_time due(uint32_t number) const { return slots_[number].returned.due(); }

  /// Whether a job that was added stands behind those of a parked slot.
  bool parked_at(const detail::job& j) const { return retries_ && parked(j.slot); }

  /// Calls `f` with each job of a parked slot that is to be called again, or was not sent yet.
  template <class Function>
  void each_parked(uint32_t number, Function f) {
    slots_[number].returned.each_again(f);
    for (auto* j = slots_[number].pending.first; j != nullptr; j = j->next)
      f(*j);
  }

  /// Sends the jobs of a parked slot that are due; a call that takes too long is waited for first,
  /// and so is an inspector who holds them back.
  void call_again(uint32_t number);

  /// Jobs and passes that stand still because the slot is parked.
  uint64_t standing(uint32_t number) const;

  /// False when the stage has as much as `limits` allow; never while this partition has nothing in
  /// it, so that every partition gets on. A partition that has more than its share of the limits
  /// leaves room to those that have less.
  bool accepts(const stage_limits& limits) const;

  /// Takes this partition's share out of the shared meter, for good: jobs that still come back do
  /// not count. Later calls do nothing.
  void give_up();

  uint32_t index() const { return stage_; }

  /// Jobs at the place of `j`, with those that are done whose calls still run.
  uint64_t unfinished_beside(const detail::job& j) const;

private:
  struct place {
    uint64_t added = 0;
    uint64_t done = 0;
    run pending; ///< added since the last flush
    run passes;  ///< oldest first
  };

  struct slot : place {
    std::string key;
    uint64_t hash = 0;
    uint32_t index = 0;
    bool keyed = false; ///< in `keys_`
    bool due = false;   ///< parked, and only an overdue call is waited for
    returned_jobs returned;
  };

  bool held_back(const detail::job& j) const;
  bool waits_before(const detail::job& j) const;
  void hold(detail::job& j, const work_memory_ptr& memory);
  void add_to_place(detail::job& j, const work_memory_ptr& memory);
  bool add_pass_to_place(detail::job& j);
  place& place_for(detail::job& j);
  place* taken_place(detail::job& j);
  uint32_t lane_for(const detail::job& j);
  uint32_t lane_of(uint64_t hash) const;
  slot* taken_slot(const detail::job& j) const;
  slot& take_slot(const detail::job& j);
  void free_slot(slot& freed);
  run take_next(slot& from);
  void send(slot& from, run&& jobs);
  void leave(uint32_t number, uint32_t jobs, run& passes);
  void count(int64_t jobs);

  uint32_t stage_;
  const detail::stage_base* definition_;
  processor_kind kind_;
  stage_mode mode_;
  bool retries_;
  bool together_; ///< with retries: sends the jobs of several calls at once
  bool in_slots_;
  bool limits_jobs_; ///< else credit and byte budget alone bound what is in the stage
  bool counts_keys_;
  uint32_t lanes_used_;
  stage_meter* shared_;
  run_port* port_;
  uint64_t jobs_ = 0;       // and passes
  int64_t unpublished_ = 0; // change of jobs_ that `shared_` does not know yet
  place lane_places_[lanes];
  uint32_t next_lane_ = 0; // for jobs that may take any
  key_table<slot> keys_;
  std::deque<slot> slots_;
  std::vector<uint32_t> free_;
  slot* only_ = nullptr; // by_partition: while it is taken
  int64_t slots_used_ = 0;
  int64_t parked_ = 0;     ///< jobs
  work_memory_ptr memory_; ///< of all jobs
  bool given_up_ = false;
  std::vector<uint32_t> touched_; // slots with pending jobs
  std::shared_ptr<const detail::pauses> pauses_;
  run held_;                         ///< jobs and passes of lanes that are held back
  std::vector<uint32_t> held_again_; ///< slots that are due to be called again, and held back
};

} // namespace keyloom::core
