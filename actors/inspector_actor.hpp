// The inspector: one an actor system, made by the first source that starts and ended by the last
// one that stops (`inspector_link`). It gathers the full states of all sources for who asks, from
// here or from another process, and passes on what they are told to do. It knows sources by
// pointers, which they take back before they go.
#pragma once

#include "actors/messages.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

namespace keyloom::actors {

/// What sources tell it, besides what `inspector` answers.
using inspector_core
  = inspector::extend<caf::result<void>(inspector_join),
                      caf::result<inspector_left>(inspector_leave),
                      caf::result<inspector_port>(inspector_claim),
                      caf::result<void>(inspector_port), caf::result<void>(looked_at_all)>;

struct inspector_actor_state {
  static inline const char* name = inspector_name;

  explicit inspector_actor_state(inspector_core::pointer self) : self_(self) {}

  inspector_core::behavior_type make_behavior();

private:
  caf::result<void> join(const inspector_join& news);
  inspector_left leave(const inspector_leave& news);
  inspector_port claim(const inspector_claim& wanted);
  caf::result<system_state> look();
  void looked(const looked_at_all& at);
  caf::expected<inspected*> find(const std::string& source) const;
  system_state about() const;

  inspector_core::pointer self_;
  std::vector<inspected*> sources_;
  std::vector<inspector_port> ports_; ///< published, or being so
  bool ending_ = false;
};

} // namespace keyloom::actors
