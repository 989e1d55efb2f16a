// The home of a handler actor that the user keeps: it is neither ended nor made again here. When it
// has ended, its jobs fail. Any thread.
#pragma once

#include "actors/handler_home.hpp"

#include <atomic>

namespace keyloom::actors {

class bare_home final : public handler_home {
public:
  explicit bare_home(home_services with);

  std::unique_ptr<handler_seat> new_seat(std::function<void()> woken) override;
  bool loses_requests() const override { return true; } // the handle may be a remote one
  void stop() override {}

private:
  class seat;

  caf::strong_actor_ptr actor_;
  work::company company_;
  std::atomic<bool> lost_ = false;
};

} // namespace keyloom::actors
