// What a turn (one call of a handler or finalizer) says about its event.
#pragma once

#include <keyloom/errc.hpp>

#include <caf/error.hpp>

#include <utility>

namespace keyloom {

/// Complete, incomplete, or an error. A handler that scheduled jobs returns what `schedule` gave it
/// (incomplete); an event is complete when its last turn said so and none of its jobs is pending.
class outcome {
public:
  enum class kind : uint8_t { complete, incomplete, failed };

  explicit outcome(kind k) : kind_(k) {}

  /// A failed turn: its changes and outputs are undone and the failure policy decides. An empty
  /// error counts as complete.
  outcome(caf::error reason)
    : kind_(reason ? kind::failed : kind::complete), error_(std::move(reason)) {}

  /// A failed turn with a sentence for people, which should name what failed and what mends it.
  outcome(errc code, std::string sentence) : outcome(caf::make_error(code, std::move(sentence))) {}

  bool is_complete() const { return kind_ == kind::complete; }
  bool is_incomplete() const { return kind_ == kind::incomplete; }
  bool is_failed() const { return kind_ == kind::failed; }

  /// Empty unless `is_failed()`.
  const caf::error& error() const& { return error_; }
  caf::error&& error() && { return std::move(error_); }

private:
  kind kind_;
  caf::error error_;
};

/// The event needs nothing more from this turn.
inline const outcome complete{outcome::kind::complete};

/// A job that was scheduled will complete the event.
inline const outcome incomplete{outcome::kind::incomplete};

} // namespace keyloom
