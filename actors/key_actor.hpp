// The key actor of blocking stages: a leased child of a partition actor. It holds one key of one
// stage while the key has work, then goes back to its partition's pool for another key. It queues
// runs on a strand that it shares with the worker pool. (Handler-actor stages:
// asking_key_actor.hpp; compute stages: lane_actor.hpp.)
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"

#include <caf/event_based_actor.hpp>

namespace keyloom::actors {

struct strand_key_state {
  static inline const char* name = "keyloom.key";

  strand_key_state(caf::event_based_actor* self, services* shared, uint32_t stage);

  caf::behavior make_behavior();

private:
  roll_call::member alive_;
  caf::event_based_actor* self_;
  services* shared_;
  work::strand_ptr strand_;
};

} // namespace keyloom::actors
