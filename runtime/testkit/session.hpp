// The world of one testkit: the topic, the group, the clock and the producer around the partitions
// of a source. It does what actors, poller and committer do in production, one thing after the
// other, on the test's thread. Every change goes through `act`, which afterwards lets happen all
// that needs no decision: records are taken in while there is credit, outputs are acknowledged
// (test_acks::at_once), drained partitions are handed over, waiting ones are opened.
//
// What a test may ask for is checked in testkit.cpp; here it is done.
#pragma once

#include "runtime/core/commit_plan.hpp"
#include "runtime/core/start_point.hpp"
#include "runtime/core/turn_changes.hpp"
#include "runtime/testkit/assignment.hpp"
#include "runtime/testkit/record_log.hpp"
#include "runtime/testkit/way_back.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <set>

namespace keyloom::rig {

/// A partition of the topic, assigned or not.
struct seat {
  explicit seat(record_log records, record_log changes)
    : log(std::move(records)), change_log(std::move(changes)) {}

  record_log log;
  record_log change_log; ///< of the store, as far as it is committed
  std::optional<int64_t> committed;
  std::string metadata;            ///< of the commit: what is out beyond it
  std::unique_ptr<assignment> now; ///< null while it is unassigned
  std::string stop_reason;
  /// Assignments of this process whose memory somebody still holds.
  std::shared_ptr<size_t> living = std::make_shared<size_t>(0);
};

class session final : private core::clock_port {
public:
  session(std::shared_ptr<const core::plan> source, testkit_options options);
  ~session() override;

  const core::plan& source() const { return *source_; }
  uint64_t seed() const { return options_.seed; }
  size_t steps() const { return steps_; }
  bool acting() const { return acting_; }

  /// Does `what` and then all that follows from it. Not from inside itself.
  void act(const std::function<void()>& what);

  // -- records, time, outputs --------------------------------------------------------------------
  void feed(int32_t partition, logged_record rec) { seat_of(partition).log.append(std::move(rec)); }
  void advance(std::chrono::milliseconds by);
  core::steady_time now() const override { return now_; }
  std::chrono::system_clock::time_point wall_now() const override;
  /// The producer reports on these outputs, in this order, as it does when it was busy meanwhile.
  void report(std::span<const size_t> outputs, const caf::error& refused);
  void commit();
  /// Under exactly once: commits what may leave, in transactions.
  void transact();

  // -- jobs --------------------------------------------------------------------------------------
  struct found_job {
    assignment* of = nullptr; ///< null for a late one
    job_desk::waiting_job* waiting = nullptr;
  };

  /// `waiting` is null when the job was answered or is gone with its partition.
  found_job find_job(uint64_t id);
  bool was_answered(uint64_t id) const { return answered_.contains(id); }
  /// By run, with the first job of its call, which stands for the call.
  bool has_timed_out(uint64_t id) const { return timed_out_.contains(id); }
  std::vector<detail::test_job_view> ready_jobs(uint32_t stage);
  size_t jobs_in(uint32_t stage) const;
  size_t pending() const;
  /// Calls of asynchronous functions that have not answered, and calls that take too long.
  size_t calls_under_way(uint32_t stage) const;

  /// The job has its result: it goes back to its partition, or, when it is late, nowhere.
  void give_back(uint64_t id);
  void call(uint64_t id);
  /// The batch has its results, or gets them from its executor, or `batch_player`.
  void give_back_batch(uint64_t id);
  void execute_batch(uint64_t id);
  void die(uint64_t id);
  void begin(uint64_t id);
  bool step();

  /// By stage: what stands for the processor; empty: its own function.
  std::vector<std::function<void(detail::job&)>> played;
  /// By batcher: what stands for the executor; none: its own function.
  std::map<uint32_t, std::function<void(core::batch&)>> batch_players;

  // -- the lives of partitions -------------------------------------------------------------------
  void assign(int32_t partition);
  void begin_hand_over(int32_t partition, std::chrono::milliseconds deadline);
  void lose(int32_t partition);
  void stop();
  void crash();
  void restart();
  bool ended() const;

  // -- to look at --------------------------------------------------------------------------------
  std::vector<seat>& seats() { return seats_; }
  const std::vector<seat>& seats() const { return seats_; }
  seat& seat_of(int32_t partition) { return seats_[static_cast<size_t>(partition)]; }
  const batch_desk& batches() const { return batches_; }
  delivery_desk& producer() { return producer_; }
  const delivery_desk& producer() const { return producer_; }
  const core::source_meter& totals() const { return *totals_; }
  const core::stage_meter& stage_meter(uint32_t stage) const { return stage_meters_[stage]; }
  const std::vector<std::string>& skips() const { return skips_; }
  source_state state() const;

private:
  void keep_entries(seat& of, std::span<core::turn_changes* const> changes);
  void restore(seat& to);
  /// A call that its partition does not wait for any more.
  struct late_job {
    job_desk::waiting_job waiting;
    /// Of the partition that was given up: a later assignment waits for it. Null: it waits for
    /// nothing, because the call has timed out.
    core::work_memory_ptr memory;
    bool counts = false; ///< as a late answer
  };

  /// What `step` may work on.
  struct choice {
    int32_t partition = 0; ///< unless it is a late call
    size_t place = 0;
    uint64_t late = 0;  ///< 0: none
    uint64_t batch = 0; ///< 0: none
  };

  void take_in();
  void settle();
  bool bring_back();
  bool bring_answers();
  bool bring_batches();
  void follow_limits();
  std::array<uint64_t, 5> progress() const;
  void take_records(seat& from);
  void acknowledge_waiting();
  void follow_up(seat& of, int32_t number);
  void give_up(seat& of, int32_t number);
  void finish_hand_over(seat& of, int32_t number);
  void come_due();
  core::steady_time next_due() const;
  bool work_on(detail::job& j);
  void call_async(job_desk::waiting_job& of);
  void work_on_overdue(const overdue_call& call);
  std::vector<choice> choices() const;
  void work_at(const choice& chosen);
  void work_on_some(assignment& of, const job_desk::waiting_job& first);
  void finish(assignment& of, const std::vector<job_desk::waiting_job>& jobs);
  void finish_late(uint64_t id);
  void time_out();
  void time_out(assignment& of, const std::vector<job_desk::waiting_job>& jobs);
  void time_out_late();
  stage_state state_of(uint32_t stage) const;
  detail::test_job_view view(const job_desk::waiting_job& waiting, int32_t partition) const;
  size_t pick(size_t below) { return static_cast<size_t>(random_() % below); }
  void check_faults();

  std::shared_ptr<const core::plan> source_;
  testkit_options options_;
  std::mt19937_64 random_;
  core::steady_time now_{std::chrono::hours{1}};
  core::steady_time next_commit_;
  std::optional<core::steady_time> retry_at_;

  std::unique_ptr<core::source_meter> totals_;
  std::unique_ptr<core::stage_meter[]> stage_meters_;
  batch_desk batches_;
  delivery_desk producer_;
  std::vector<std::string> skips_;
  std::vector<std::string> stops_; ///< the reasons of partitions that stopped
  uint64_t next_job_ = 1;
  uint64_t epochs_ = 0;
  std::vector<seat> seats_;
  core::commit_plan<int32_t> commits_;
  std::map<uint64_t, late_job> late_;
  std::set<uint64_t> answered_;
  std::set<uint64_t> timed_out_;
  std::shared_ptr<way_back> way_back_;
  caf::intrusive_ptr<call_box> call_box_;
  std::map<const detail::job*, uint64_t> calls_; ///< of asynchronous functions: whose job it is
  std::vector<stage_limits> limits_;             ///< of the stages, as the partitions last saw them
  size_t steps_ = 0;
  bool acting_ = false;
  bool stopping_ = false;
};

} // namespace keyloom::rig
