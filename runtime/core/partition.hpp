// One assignment of a partition: takes records in, calls handlers and finalizers one at a time,
// sends jobs out and outputs on, and knows what may be committed. All decisions of the partition
// actor are made here; the actor only brings messages. Touches the partition's store (I4). Created
// when the partition is assigned, given up when it is revoked; a later assignment is another
// object, so late results cannot reach it (I6).
//
// The way of a record: `take` opens its batch; the order gate says when its handler may run; its
// jobs leave as runs and come back through `finished`, in order per key; when its turns are over it
// is complete; the gate says when it is released; its outputs go to the producer and are
// acknowledged through `delivered`; then it is out.
//
// Under exactly once complete events go to the output gate instead, which says what the next
// transaction holds (`next_transaction`); they are out when it is `committed`.
//
// A turn is atomic: outputs and jobs are kept aside while it runs and dropped when it fails.
#pragma once

#include "runtime/core/interjection_desk.hpp"
#include "runtime/core/keys_in_flight.hpp"
#include "runtime/core/output_gate.hpp"
#include "runtime/core/parked_work.hpp"
#include "runtime/core/stage_queue.hpp"
#include "runtime/core/stall_watch.hpp"
#include "runtime/core/store_turns.hpp"

#include <random>
#include <span>

namespace keyloom::core {

/// What the producer reported of one output.
struct delivery {
  event* ev = nullptr;
  caf::error refused;
};

/// What only the partition itself knows of its state.
struct partition_view {
  std::optional<event_state> oldest;       ///< record not out
  std::optional<event_state> interjection; ///< under way for longest
  std::vector<key_state> keys;             ///< in flight for longest, `most_keys` at most
};

/// What the jobs of a key wait for whose last call was given up too late.
inline constexpr auto waits_for_overdue
  = "an earlier call of its key, which took longer than the stage's timeout and still runs";

class partition final : private detail::turn {
public:
  struct ports {
    run_port& runs;
    output_port& outputs;
    intake_port& intake;
    incident_port& incidents;
    const clock_port& clock;
  };

  /// What all partitions of a source share.
  struct shared {
    std::shared_ptr<const plan> source;
    source_meter& totals;
    std::span<stage_meter> stages;
    bool lanes_in_order = true; ///< see stage_queue
    bool runs_stop = true;      ///< the same
    uint64_t seed = 0;          ///< of the jitter of retries and interjections
  };

  /// Starts at `start.offset`, -1: at the earliest record; what is `beyond` it comes already out.
  partition(std::string topic, int32_t number, progress start, shared common,
            partition_meter& meter, ports out);

  /// Whoever still works for it drops its results.
  ~partition() { memory_->give_up(); }

  /// Makes the store, to be restored from its change log before the partition opens.
  void begin_restore();

  /// Entries of the change log, in their order.
  void restore(const record_batch& entries);

  /// All entries came.
  void restored();

  /// Makes the store, where it was not restored, and lets the poller take records in.
  void open();

  /// New records, or a position that moved on. The poller counted the records in the meter already.
  void take(record_batch_ptr batch);

  /// Jobs that were worked on, in the order they were sent; a long run comes back in parts.
  void finished(run&& part);

  /// Sets that wait in a batcher for something to be executed again, and need no record for that.
  void sets_wait(std::span<detail::batch_job* const> sets);

  /// A call has returned whose jobs were `finished` before it (its timeout had passed).
  void call_returned(uint32_t stage, uint32_t slot, uint32_t jobs);

  /// Reports of the producer.
  void delivered(std::span<delivery> reports);

  /// Tries again what the producer's queue had no room for.
  void retry_unsent();

  /// Under exactly once: what is to be sent next, valid until it is committed; null when nothing
  /// may leave. `bare`: one without events will do when the offset moved.
  const output_gate::transaction* next_transaction(bool bare);

  /// The oldest transaction that `next_transaction` gave out is in.
  void committed(uint64_t number);

  /// No transaction of it that is not committed will be.
  void nothing_commits() { nothing_commits_ = true; }

  /// A record of a transaction was refused: it stops, and nothing more of it will be committed.
  void refused(const caf::error& reason);

  /// Calls again what failed and is due.
  void retry_due();

  /// When to call `retry_due` next.
  std::optional<steady_time> next_retry() const;

  /// Takes in what the stages' limits allow now, and holds back what they hold back now.
  void limits_changed();

  /// Runs the scheduled interjections that are due.
  void tick();

  /// When `tick` has something to do next; none while nothing may run.
  std::optional<steady_time> next_tick() const;

  /// Runs what somebody asks for, now, or when the partition opens. It is answered when it is out,
  /// when it fails, or when it cannot get out any more.
  void interject(detail::asked_interjection_ptr what);

  /// Stops the partition for good: nothing more is taken in or released; what is with the producer
  /// may get out.
  void stop(caf::error reason);

  /// Takes in nothing more; events whose handlers have not run are dropped, others may still get
  /// out.
  void begin_drain();

  /// Drained: nothing that was begun is unfinished, except what waits to be called again, or stands
  /// behind that or behind an event whose handler was dropped (by_event). A stopped partition waits
  /// for acknowledgements only.
  bool drained() const;

  /// Ends all work; nothing gets out any more, and what still comes back is ignored (I6).
  void give_up();

  int64_t committable() { return tracker_.committable(); }

  /// The oldest record that is not out, and what it waits for; none when all are out.
  std::optional<event_state> oldest_event();

  /// The interjection that is under way for longest, and what it waits for.
  std::optional<event_state> oldest_interjection() const;

  /// What `full_state` shows of it. Looks at all events and jobs, as the two above, but at no more
  /// of them than `most_looked_at`: some 50 us for 5,000 events.
  partition_view view();

  /// Offset and map as one pair that is true (I2). Costs as `tracker::beyond` says.
  progress reached() { return {tracker_.committable(), tracker_.beyond()}; }
  bool has_unsent() const { return !unsent_.empty(); } ///< the producer had no room for them
  bool stopped() const { return state_ == lifecycle::stopped; }
  lifecycle state() const { return state_; }
  /// It stopped, and the whole source should.
  bool stops_source() const { return stops_source_; }
  const std::string& stop_reason() const { return stop_reason_; }
  const work_memory_ptr& memory() const { return memory_; }
  /// Keeps the changes of a transaction; null without a store.
  std::shared_ptr<const void> kept_changes() const {
    return store_turns_ ? store_turns_->kept() : nullptr;
  }
  /// For tests that look at it; null before `open` and in a source without one.
  const void* store_object() const { return store_ ? store_->object() : nullptr; }

private:
  struct backlog_batch {
    tracker::open_batch* home;
    record_batch_ptr batch;
    uint32_t next = 0;   ///< index of the first record whose handler was not considered yet
    uint32_t end = 0;    ///< behind the last one
    uint32_t passed = 0; ///< under exactly once: records before `next` that came already out
  };

  // -- detail::turn ------------------------------------------------------------------------------
  const record& input() const override { return current_->record(); }
  bool is_interjection() const override { return current_->interjected != nullptr; }
  const std::string& topic() const override { return topic_; }
  int32_t partition_id() const override { return number_; }
  std::chrono::system_clock::time_point now() const override { return out_.clock.wall_now(); }
  void forward(outgoing_record&& rec) override { turn_outputs_.push_back(std::move(rec)); }
  void forward(const record& rec, std::string_view topic) override;
  detail::job& blank_job(uint32_t stage) override;
  outcome submit(detail::job& filled) override;
  job_completion job_complete(std::function<outcome(detail::turn&)> finalizer) override;
  void* store() override;
  void* store_to_change() override;
  detail::change_recorder& recorder() override { return *store_turns_; }
  void unrecorded_change() override;

  // -- turns (partition_turns.cpp) ---------------------------------------------------------------
  void begin_turn(event& ev);
  void handle(event& ev);
  outcome call_handler(const record& rec);
  outcome call_finalizer(detail::job& j);
  void finalize(detail::job& j);
  void end_pass(detail::job& pass);
  void end_turn(event& ev, outcome result, const detail::job* j);
  void hold(event& ev);
  detail::job* keep_turn(event& ev);
  void carry_trace(const event& ev);
  void undo_turn();
  void keep_changes(event& ev);
  void log_changes(turn_changes& changes);
  caf::error located(const event& ev, const detail::job* j, const caf::error& reason) const;

  // -- interjections (partition_interjections.cpp) -----------------------------------------------
  void open_interjections();
  void begin(interjection& x, std::optional<steady_time> due);
  outcome call_interjection(interjection& x, std::optional<steady_time> due);
  void fail_interjection(interjection& x, const caf::error& reason);
  void end_interjection(interjection& x);
  void drop_waiting_interjections();
  void give_up_interjections();
  void note_interjections();

  // -- exactly once (partition_exact.cpp) --------------------------------------------------------
  void pass_over(const backlog_batch& from);
  void admit(event& ev);
  void leave(event& ev);
  void out(const departure& what);
  bool departs(const tracker::open_batch& home, uint32_t index) const;

  // -- what an event waits for (partition_stall.cpp) ---------------------------------------------
  void describe_wait(const event& ev, event_state& into) const;
  std::string waits_with(const event& ev) const;
  std::string waits_at_gate(const event& ev) const;
  std::chrono::milliseconds time_since(steady_time then) const;
  std::chrono::milliseconds age_of(const event& ev) const;
  const detail::job& slowest_job(const event& ev) const;
  std::string waits_in_stage(const detail::job& j) const;
  std::string waits_itself(const detail::job& j) const;
  std::string waits_behind(const detail::job& j) const;
  std::string waits_for_place(const detail::job& j) const;

  // -- for who looks inside (partition_view.cpp) -------------------------------------------------
  key_state state_of(const keys_in_flight::row& from) const;
  std::string waits_for(const keys_in_flight::row& from) const;
  std::string traced(const event& ev) const;

  // -- what failed (partition_failure.cpp)
  // --------------------------------------------------------
  void come_back(detail::job& j);
  std::optional<steady_time> next_call(detail::job& j);
  bool call_again_later(event& ev, const caf::error& reason);
  std::optional<steady_time> next_attempt_of(const retry_policy& policy, detail::attempts& tried,
                                             const caf::error& reason);
  void park_slot(uint32_t stage, uint32_t slot);
  void stands(event& ev);
  void stands(detail::job& j);
  void copy_out(event& ev);
  uint64_t standing_jobs() const;
  void forget_parked();
  void fail(event& ev, const detail::job* j, const caf::error& why);
  void add_dead_letter(event& ev, const detail::job* j, const caf::error& reason);

  // -- the life of events (partition.cpp) --------------------------------------------------------
  void to_backlog(record_batch_ptr batch);
  void note_oldest(steady_time taken);
  void skip_inherited(tracker::open_batch& home, const record_batch_ptr& batch);
  bool next_in_backlog();
  void take_backlog_in();
  bool takes_in() const;
  bool given_up() const { return state_ == lifecycle::unassigned; }
  void complete(event& ev);
  void go_on();
  void release(event& ev);
  void send();
  size_t gather_outputs();
  void refuse(event& ev, const caf::error& reason);
  void out(event& ev);
  void keep_outputs(event& ev);
  void keep_packed(event& ev);
  void charge(event& ev, size_t payload, size_t around);
  void tell_account();
  void set_state(lifecycle next);
  void settle();
  bool make_store();
  void show_store();
  bool has_log() const { return !common_.source->config.change_log.empty(); }

  std::string topic_;
  int32_t number_;
  shared common_;
  partition_meter& meter_;
  ports out_;
  work_memory_ptr memory_;
  std::unique_ptr<detail::store_port> store_;
  std::optional<store_turns> store_turns_; ///< with a store
  tracker tracker_;
  order_gate gate_;
  progress start_;                     ///< for the output gate, which is made with the store
  std::unique_ptr<output_gate> exact_; ///< null: at least once
  bool nothing_commits_ = false;       ///< of what the output gate has given out
  interjection_desk interjections_;
  std::vector<stage_queue> stages_;
  std::deque<backlog_batch> backlog_;
  order_gate::permits permits_;
  bool going_on_ = false;
  std::deque<event*> unsent_; ///< released with outputs that the producer does not have yet
  std::vector<output_port::output> sending_; ///< the first outputs of `unsent_`
  bool producer_full_ = false;               ///< it had no room for the first of `unsent_`
  size_t waiting_acks_ = 0;                  ///< events released, not out and not refused
  int64_t held_outputs_ = 0;                 ///< bytes of outputs that are not out
  int64_t held_items_ = 0;                   ///< bytes of open jobs, such as a batcher's items
  int64_t held_in_account_ = 0;              ///< of them, what the account knows of
  uint64_t open_jobs_ = 0;                   ///< jobs that were sent and have not come back
  parked_work parked_;
  int64_t parked_events_ = 0;
  std::minstd_rand random_; ///< of the jitter
  bool stops_source_ = false;
  lifecycle state_ = lifecycle::active;
  std::string stop_reason_;
  steady_time now_{};         ///< of the message being worked on
  steady_time next_digest_{}; ///< of the store, for `state()`

  // the turn being run
  event* current_ = nullptr;
  packed_outputs turn_packed_; ///< those before `turn_outputs_`
  std::vector<outgoing_record> turn_outputs_;
  run turn_jobs_;
  detail::job* blank_ = nullptr; ///< handed out to be filled, and not submitted yet
  std::vector<completable_job*>
    turn_completables_;        ///< not linked: their completions may be called during the turn
  bool store_damaged_ = false; ///< the turn failed, and what it did to the store stays

  // what the meters do not know yet
  uint64_t out_count_ = 0;
  uint64_t already_out_count_ = 0;
  uint64_t skipped_count_ = 0;
  uint64_t dead_lettered_count_ = 0;
  uint64_t forwarded_count_ = 0;
  uint64_t bytes_out_count_ = 0;
};

} // namespace keyloom::core
