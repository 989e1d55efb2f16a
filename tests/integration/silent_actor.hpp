// A handler actor that never answers for keys that begin with "stuck", and at once for all others.
#pragma once

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <string>
#include <vector>

namespace keyloom::test {

struct silent_state {
  std::vector<caf::typed_response_promise<int>> kept; ///< broken when the actor ends
};

inline caf::actor spawn_silent_actor(caf::actor_system& system) {
  return system.spawn([](caf::stateful_actor<silent_state>* self) -> caf::behavior {
    return {[self](const std::string& key, int job) {
      auto answer = self->make_response_promise<int>();
      if (key.starts_with("stuck"))
        self->state.kept.push_back(answer);
      else
        answer.deliver(job);
      return answer;
    }};
  });
}

} // namespace keyloom::test
