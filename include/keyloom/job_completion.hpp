// The way back of hand-made asynchrony: `context::job_complete` gives it to a turn, the turn gives
// it to whatever does the work, and that calls it once, from any thread:
//
//   auto done = ctx.job_complete([](context<>&) { return complete; });
//   client.send(request, [done](bool ok) { ok ? done() : done.fail(what_failed()); });
//   return incomplete;
//
// Prefer a stage where one fits: it bounds how much is under way and keeps keys in order; here only
// the release of outputs is ordered.
#pragma once

#include <caf/error.hpp>

#include <memory>
#include <utility>

namespace keyloom {

namespace detail {

/// What all copies of a `job_completion` share. Any thread.
class completion_state {
public:
  virtual ~completion_state() = default;
  virtual caf::error complete(caf::error reason) = 0;
};

} // namespace detail

/// Completes what its turn left open. Copies are the same completion; any thread may use any of
/// them, also when the partition or the source is gone: then nothing is left to complete, and
/// nothing happens. An event whose completion is never called stays open, and nothing after it can
/// be committed.
class job_completion {
public:
  /// Made by `context::job_complete`.
  explicit job_completion(std::shared_ptr<detail::completion_state> state)
    : state_(std::move(state)) {}

  /// Lets the finalizer be called, later, in the partition. False when it was completed or failed
  /// before.
  bool operator()() const { return !complete(); }

  /// Fails the event with this reason, which should name what failed and what mends it; its failure
  /// policy decides. An empty error completes. False as above.
  bool fail(caf::error reason) const { return !complete(std::move(reason)); }

  /// The same, for who wants to know why: errc::wrong_state when it was completed or failed before.
  caf::error complete(caf::error reason = {}) const { return state_->complete(std::move(reason)); }

private:
  std::shared_ptr<detail::completion_state> state_;
};

} // namespace keyloom
