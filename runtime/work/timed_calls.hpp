// The blocking calls that a worker makes for one key of a stage with a timeout, one after the
// other. A call works on copies of its jobs. When it takes too long, the clock fails the jobs and
// sends them back, with what was done before them, while the worker is still in the call: the key's
// next jobs wait until the call returns (I3), which the partition is told then. Lives on the
// worker's stack; its worker's, except that the clock calls `expired`.
#pragma once

#include "runtime/work/call_clock.hpp"

namespace keyloom::work {

class timed_calls final : public call_clock::call {
public:
  timed_calls(detail::stage_base& stage, uint32_t index, call_clock& clock,
              core::work_memory_ptr memory)
    : stage_(stage), index_(index), clock_(clock), memory_(std::move(memory)) {}

  /// Makes one call, for one job, or by run for several. They are the partition's again when it
  /// took too long. False: that, or the last of them failed.
  bool make(core::run&& jobs);

  /// Takes the rest, which is not begun because a call failed.
  void leave_unbegun(core::run& jobs) { core::leave_unbegun(jobs, done_); }

  /// Jobs that have ended and were not sent back yet.
  const core::run& done() const { return done_; }
  core::run take_done();

private:
  core::run copy(const core::run& jobs, caf::error& failed);
  void give_back(core::run&& copies);
  void fail(const caf::error& reason);
  void expired() override;

  detail::stage_base& stage_;
  uint32_t index_;
  call_clock& clock_;
  core::work_memory_ptr memory_;
  std::vector<std::unique_ptr<detail::job>> copies_; ///< what the function works on
  // Between clock_.begin and clock_.end the clock's, otherwise the worker's:
  core::run done_;
  core::run under_way_;
};

} // namespace keyloom::work
