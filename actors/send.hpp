// Every send of keyloom, in one place: CAF 1.x spells them differently (mail().send(),
// mail().delay()), and so moving there touches this file only.
#pragma once

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

namespace keyloom::actors {

/// Sends from a thread that is no actor, or where the sender does not matter.
template <class Handle, class... Ts>
void post(const Handle& to, Ts&&... xs) {
  caf::anon_send(to, std::forward<Ts>(xs)...);
}

/// Sends from an actor; cheaper than `post` between actors, as it stays with the scheduler's own
/// worker.
template <class Handle, class... Ts>
void tell(caf::event_based_actor& self, const Handle& to, Ts&&... xs) {
  self.send(to, std::forward<Ts>(xs)...);
}

/// Sends to oneself after a while. For a tick, not for a timer per job (FACTS: CAF's clock sorts a
/// vector).
template <class... Ts>
void tell_later(caf::event_based_actor& self, std::chrono::nanoseconds delay, Ts&&... xs) {
  self.delayed_send(&self, delay, std::forward<Ts>(xs)...);
}

/// Ends an actor of ours.
template <class Handle>
void end(const Handle& actor, caf::exit_reason reason = caf::exit_reason::user_shutdown) {
  caf::anon_send_exit(actor, reason);
}

} // namespace keyloom::actors
