// A source's membership at its system's inspector: makes the inspector when there is none,
// publishes it where the settings say so, and ends it with the last source that leaves. Owned by
// source_impl; the user's threads, one at a time. It waits for actors, so never from one.
#pragma once

#include "actors/inspector_actor.hpp"
#include "runtime/log/logger.hpp"

#include <keyloom/source_config.hpp>

namespace keyloom::actors {

class inspector_link {
public:
  explicit inspector_link(caf::actor_system& system) : system_(system) {}
  inspector_link(const inspector_link&) = delete;
  inspector_link& operator=(const inspector_link&) = delete;

  /// errc::bad_config names the setting when the port cannot be listened on.
  caf::error open(inspected& who, const source_config& cfg, log::logger& log);

  /// From then on nobody calls `who`. Does nothing unless it is open.
  void close();

private:
  void join();
  caf::error publish(const source_config& cfg, log::logger& log);

  caf::actor_system& system_;
  inspected* who_ = nullptr;
  inspector_core inspector_;
};

} // namespace keyloom::actors
