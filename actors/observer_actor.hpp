// Looks at a source's numbers every second: for CAF's metrics registry, for those who read it
// there, such as CAF's own Prometheus port, and for the page's history. Ends before what it looks
// with.
#pragma once

#include "actors/messages.hpp"
#include "actors/send.hpp"

#include <caf/event_based_actor.hpp>

namespace keyloom::actors {

struct observer_state {
  static inline const char* name = "keyloom.observer";

  observer_state(caf::event_based_actor* self, std::vector<std::function<void()>> looks)
    : self_(self), looks_(std::move(looks)) {}

  caf::behavior make_behavior() {
    tell_later(*self_, interval, tick_atom_v);
    return {[this](tick_atom) {
      for (auto& look : looks_)
        look();
      tell_later(*self_, interval, tick_atom_v);
    }};
  }

private:
  static constexpr std::chrono::seconds interval{1};

  caf::event_based_actor* self_;
  std::vector<std::function<void()>> looks_;
};

} // namespace keyloom::actors
