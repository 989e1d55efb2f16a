// The home of a handler actor on another node, which CAF's middleman connects to. A *link* actor
// asks the middleman, which may take seconds; keys wait in line meanwhile. When the node cannot be
// reached, the jobs in line fail, and the next job tries again: so jobs go on when the node is
// back. When the connection is cut, requests under way are lost without an answer: key actors
// monitor the instance and fail them. Any thread.
#pragma once

#include "actors/handler_home.hpp"

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/expected.hpp>

#include <list>
#include <mutex>

namespace keyloom::actors {

class remote_home final : public handler_home, public std::enable_shared_from_this<remote_home> {
public:
  /// How long an attempt to connect may take.
  static constexpr std::chrono::seconds connect_timeout{10};

  explicit remote_home(home_services with);

  std::unique_ptr<handler_seat> new_seat(std::function<void()> woken) override;
  bool loses_requests() const override { return true; }
  std::string place() const override;
  void stop() override;

private:
  class seat;
  struct link_state;

  void connect();
  void connected(const caf::strong_actor_ptr& actor, const std::set<std::string>& takes);
  void failed(caf::error reason);
  void settle(caf::strong_actor_ptr actor, const caf::error& reason);
  void ended(caf::actor_id actor);

  home_services with_;
  work::company company_;
  std::mutex mutex_;
  caf::actor link_;             // guarded by mutex_, as all below; none before the first attempt
  caf::strong_actor_ptr actor_; ///< null: not connected
  bool connecting_ = false;
  bool stopped_ = false;
  std::list<seat*> line_; ///< wait for the attempt that is under way
};

} // namespace keyloom::actors
