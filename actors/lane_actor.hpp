// A lane: a key actor of compute stages. It schedules a slice of its partition's keys in the order
// their jobs arrive (a key always takes the same lane) and calls the stage's function itself. A
// child of its partition actor.
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"

#include <caf/event_based_actor.hpp>

namespace keyloom::actors {

struct lane_state {
  static inline const char* name = "keyloom.lane";

  lane_state(caf::event_based_actor* self, services* shared)
    : alive_(shared->alive, *self), self_(self), shared_(shared) {}

  caf::behavior make_behavior();

private:
  void work(core::run jobs);

  roll_call::member alive_;
  caf::event_based_actor* self_;
  services* shared_;
};

} // namespace keyloom::actors
