// The erased side of handler actors: how key actors reach the user's CAF actors without knowing
// their types. `handler_actor.hpp` makes a port of each form a stage can be given.
#pragma once

#include <keyloom/detail/job.hpp>

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/fwd.hpp>

#include <cstdint>
#include <set>
#include <string>

namespace keyloom::detail {

/// Where the instances of a stage's handler actor come from, and how many there are.
struct actor_layout {
  enum class form : uint8_t {
    pool,    ///< `instances` of them for all keys; a shared actor is a pool of one
    per_key, ///< one for each key of a partition, at most `instances` at once
    bare,    ///< a handle the user keeps; never made again
    remote,  ///< on another node, at `host`:`port`
  };
  form kind = form::pool;
  uint32_t instances = 1;
  std::string host = {};
  uint16_t port = 0;
};

/// Where the answer to a job goes: the key actor that asked. Used on its thread only.
class answer_port {
public:
  virtual ~answer_port() = default;

  /// The job of this call, or null when nobody waits for its answer any more.
  virtual job* waiting(uint64_t call) = 0;

  /// What became of a call that is waited for: its job's result is set, or there is none because of
  /// `reason`.
  virtual void answered(uint64_t call, caf::error reason) = 0;
};

class actor_port {
public:
  virtual ~actor_port() = default;

  virtual const actor_layout& layout() const = 0;

  /// Makes a new instance with the user's factory, or returns the handle that was given; what a
  /// factory throws comes out. Calls never overlap. Not for remote actors.
  virtual caf::strong_actor_ptr spawn(caf::actor_system& system, const std::string& key) = 0;

  /// The messages a remote actor must take; empty: it is not typed.
  virtual std::set<std::string> message_types(caf::actor_system& system) const = 0;

  /// Sends a job of `self`'s. When the answer arrives, and is still waited for, sets the job's
  /// result and calls `back`, on the thread of `self`.
  virtual void ask(caf::event_based_actor& self, const caf::strong_actor_ptr& target, const job& j,
                   uint64_t call, answer_port& back)
    = 0;
};

} // namespace keyloom::detail
