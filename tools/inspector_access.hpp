// A process that can be looked into, as a sub-command sees it: a CAF client of its inspector. One
// thread; every call waits.
#pragma once

#include "actors/program_config.hpp"

#include <keyloom/inspector.hpp>

#include <caf/actor_system.hpp>
#include <caf/expected.hpp>

#include <chrono>
#include <optional>

namespace keyloom::tools {

struct inspector_place {
  std::string host;
  uint16_t port = 0;
  std::chrono::milliseconds timeout{30'000};
};

/// "127.0.0.1:4242"
std::string to_string(const inspector_place& at);

class inspector_access {
public:
  explicit inspector_access(inspector_place at);

  /// What is going on there. Connects first, and again when the connection was lost.
  /// errc::no_inspector: nobody answers.
  caf::expected<system_state> look();

  caf::error pause(const inspector_target& what);
  caf::error resume(const inspector_target& what);
  caf::expected<stage_limits> change_limits(const inspector_target& what, const limit_change& to);
  caf::error trace(const trace_order& what);

private:
  template <class Result, class... Ts>
  caf::expected<Result> ask(const Ts&... xs);
  template <class... Ts>
  caf::error tell(const Ts&... xs);
  caf::error connect();
  caf::error lost(const caf::error& reason);

  inspector_place at_;
  actors::program_config config_;
  caf::actor_system system_;
  std::optional<inspector> inspector_; ///< while it is connected
};

} // namespace keyloom::tools
