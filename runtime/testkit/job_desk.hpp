// The jobs of one assignment, where they wait until the test answers them. Jobs that must not
// overlap stand behind each other in a *place*: the slot they were sent to, or, for compute stages,
// what their stage's mode keeps in order. The first of a place is *ready*; ready jobs may be
// answered in any order.
//
// A job's call begins when it is ready: then its stage's timeout begins to run, too. By run one
// call is of all jobs of the key that wait then. A call that takes too long loses its jobs; when it
// is a blocking one it keeps the place, as the worker that is in it does, until it returns.
//
// Also watches what no run port should ever see: an empty run, a slot with jobs that do not belong
// together, a slot that becomes idle with jobs in it. One thread.
#pragma once

#include "runtime/core/ports.hpp"
#include "runtime/testkit/batch_desk.hpp"
#include "runtime/testkit/overdue_call.hpp"

#include <compare>
#include <map>
#include <set>

namespace keyloom::rig {

class job_desk final : public core::run_port {
public:
  struct waiting_job {
    uint64_t id = 0; ///< in the order sent; never used again
    uint32_t stage = 0;
    detail::job* job = nullptr; ///< the partition's; null once it has timed out
    uint32_t attempts = 0;
    bool begun = false;                   ///< somebody else than the kit works on it
    std::optional<core::steady_time> due; ///< when its call has taken too long
    detail::job* call = nullptr; ///< an asynchronous function was called with it, and has it still
    caf::error thrown;           ///< by that function
    std::shared_ptr<overdue_call> overdue; ///< what goes on after it has timed out
  };

  /// `next_id` is shared by all desks of a kit.
  job_desk(const core::plan& source, const core::clock_port& clock, uint64_t& next_id,
           batch_desk& batches)
    : source_(source), clock_(clock), next_id_(next_id), batches_(batches) {}

  // -- core::run_port ----------------------------------------------------------------------------
  void to_lane(uint32_t lane, core::run&& jobs) override;
  void to_key(uint32_t stage, uint32_t slot, core::run&& jobs) override;
  void to_batcher(uint32_t stage, core::run&& sets) override {
    batches_.add(stage, std::move(sets));
  }
  void key_idle(uint32_t stage, uint32_t slot) override;

  // -- for the session ---------------------------------------------------------------------------

  /// The ready jobs of a stage that nobody works on yet but who asks, in the order sent.
  std::vector<waiting_job> ready(uint32_t stage) const;

  /// What is under way: jobs that have begun, and calls that take too long.
  std::vector<waiting_job> under_way() const;

  /// The ready job or the overdue call with this id, or null.
  waiting_job* find(uint64_t id);

  /// Takes a ready job away, and with it up to `most - 1` of those behind it.
  std::vector<waiting_job> take(uint64_t id, size_t most = 1);

  /// Takes the jobs of the call whose deadline came first, when it has come; empty: none has. Each
  /// knows its `overdue` call. A blocking call stays, in the place of its jobs.
  std::vector<waiting_job> take_overdue();

  /// When to look for those next.
  std::optional<core::steady_time> next_deadline() const;

  /// Drops all that have not begun.
  void drop_waiting();

  /// Places with jobs or overdue calls, in an order that only depends on what happened before.
  size_t places() const { return busy_.size(); }
  const waiting_job& first_at(size_t index) const { return places_.at(busy_[index]).jobs.front(); }

  /// Jobs, without overdue calls.
  size_t size() const;
  size_t size(uint32_t stage) const;
  size_t runs_sent() const { return runs_; }
  size_t slots_idle() const { return idle_; }

  /// What the runtime did wrong; empty unless keyloom has a fault.
  const std::vector<std::string>& faults() const { return faults_; }

private:
  struct place {
    uint32_t stage = 0;
    bool lane = false;
    uint64_t number = 0; ///< the slot, or the key's number
    auto operator<=>(const place&) const = default;
  };

  struct queue {
    std::deque<waiting_job> jobs; ///< never empty
    size_t index = 0;             ///< in busy_
  };

  void add(place where, detail::job& j);
  void begin_call(std::deque<waiting_job>& jobs);
  void forget(const waiting_job& gone);
  uint64_t lane_number(const detail::job& j);
  void check_slot(place where, const core::run& jobs);
  void leave(place where);
  void go_on(place where);

  const core::plan& source_;
  const core::clock_port& clock_;
  uint64_t& next_id_;
  batch_desk& batches_;
  std::map<place, queue> places_;
  std::vector<place> busy_;         // the keys of places_
  std::map<uint64_t, place> where_; // of each job and overdue call, by id
  std::set<std::pair<core::steady_time, uint64_t>> deadlines_; // by time, then id
  std::map<std::string, uint64_t, std::less<>> key_numbers_;
  uint64_t singles_ = 0;                 ///< jobs that nothing has to wait for
  std::map<place, std::string> holders_; // the key that a slot is taken by
  size_t runs_ = 0;
  size_t idle_ = 0;
  std::vector<std::string> faults_;
};

} // namespace keyloom::rig
