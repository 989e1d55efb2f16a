// What a process shows of its sources over HTTP: /livez, /readyz, /metrics, and the page on / with
// what it asks for. One for a
// port; sources that share resources share it. It lives while a source that asked for it runs, and
// ends its server with the last of them (I9). Any thread.
#pragma once

#include "actors/source_history.hpp"
#include "actors/source_metrics.hpp"
#include "runtime/http/server.hpp"
#include "runtime/log/logger.hpp"

#include <caf/actor_system.hpp>

namespace keyloom::actors {

/// A source, as the site sees it. Valid from `add` until `remove` has returned.
struct shown_source {
  std::string group;
  std::string topic;
  const source_board* board = nullptr;
  source_metrics* metrics = nullptr; ///< null: it keeps none
  const source_history* history = nullptr;
  /// As `event_source::full_state_then`.
  std::function<void(std::function<void(source_state)>)> full_state;
};

class site {
public:
  /// Listens. errc::bad_config says when it cannot.
  static caf::expected<std::shared_ptr<site>> make(caf::actor_system& system,
                                                   const std::string& address, uint16_t port);

  void add(const shown_source* source);
  void remove(const shown_source* source);

  const std::string& address() const { return address_; }
  uint16_t port() const { return server_->port(); }

private:
  site(caf::actor_system& system, std::string address, std::unique_ptr<http::server> server);

  void add_paths();
  http::answer readiness();
  http::answer metrics();
  std::string state();
  std::string history();

  caf::actor_system& system_;
  std::string address_;
  std::mutex mutex_;
  std::vector<const shown_source*> sources_; // guarded by mutex_
  std::unique_ptr<http::server> server_;     ///< the last: its threads use the others
};

} // namespace keyloom::actors
