// The calls of one partition's asynchronous stage: jobs wait behind earlier ones of their key, one
// call of a key is under way at a time (I3), as many over all keys as there are places, and each no
// longer than the stage's timeout.
//
// A call works on a job of its own, which is lent the key and the payload (a copy of it when the
// stage has a timeout) and gives them back with the result. So a call that is still under way when
// its job was finalized, or when the whole partition is gone, shares no memory with anything: it
// comes back some time, is counted as late, and that is all. A call belongs to whoever works on it
// from `begin` until it comes back in `answered`.
//
// One call never begins another: `answered` only makes the key's next job ready, `go_on` begins
// what is ready. A function that answers before it returns therefore recurses nowhere. One thread.
#pragma once

#include "runtime/core/deadline_queue.hpp"
#include "runtime/core/meters.hpp"
#include "runtime/core/ports.hpp"

namespace keyloom::core {

/// Where the calls are made.
class call_port {
public:
  virtual ~call_port() = default;

  /// A place among the calls of the stage that may be under way at once. False: there is none;
  /// `go_on` follows when there is.
  virtual bool acquire_place() = 0;
  virtual void release_place() = 0;

  /// Begins a call. It comes back in `answered` later, never before this has returned. The error
  /// tells that the user's function threw; the call comes back all the same.
  virtual caf::error begin(std::unique_ptr<detail::job> call) = 0;
};

class key_calls {
public:
  /// `meter` may be null.
  key_calls(detail::stage_base& stage, call_port& port, const clock_port& clock,
            stage_meter* meter = nullptr);

  /// Jobs of any keys, behind all earlier ones of their slots.
  void add(run&& jobs);

  /// Begins what may begin.
  void go_on();

  /// What the stage holds back has changed; `go_on` follows.
  void look_again();

  /// A call has ended, in time or late.
  void answered(std::unique_ptr<detail::job> call);

  /// Fails the jobs whose deadline has come; their keys go on.
  void expire();

  /// The jobs that have ended since the last time, in order.
  run take_done() { return std::exchange(done_, run{}); }
  const run& done() const { return done_; }

  /// When to call `expire` next.
  std::optional<steady_time> next_deadline() const { return deadlines_.next(); }

  /// Calls that their keys wait for.
  size_t under_way() const { return under_way_; }

  /// Jobs that could begin if there were places.
  bool waits_for_place() const { return !ready_.empty(); }

  /// Calls that ended after their deadline since the last time.
  uint64_t take_late() { return std::exchange(late_, 0); }

private:
  struct slot : deadline_queue::entry {
    run waiting;
    detail::job* current = nullptr; ///< of the partition: ready, or under way
    detail::job* call = nullptr;    ///< what works on `current`; null before it has begun
    steady_time began{};            ///< that call
    caf::error thrown;              ///< by the function, in the call under way
  };

  slot& slot_of(const detail::job& j);
  void next(slot& s);
  bool set_held_aside();
  void begin(slot& s);
  void end(slot& s);
  void drop_waiting();
  std::unique_ptr<detail::job> make_call();

  detail::stage_base& stage_;
  call_port& port_;
  const clock_port& clock_;
  stage_meter* meter_;
  deadline_queue deadlines_;
  work_memory_ptr memory_; ///< of the assignment that all jobs are of
  std::deque<slot> slots_; // by the jobs' slot
  std::deque<slot*> ready_;
  std::vector<slot*> held_; ///< ready, and held back by an inspector
  std::vector<std::unique_ptr<detail::job>> spare_calls_;
  run done_;
  size_t under_way_ = 0;
  uint64_t late_ = 0;
};

} // namespace keyloom::core
