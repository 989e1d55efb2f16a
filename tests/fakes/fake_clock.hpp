// A clock that stands still until the test moves it.
#pragma once

#include "runtime/core/ports.hpp"

namespace keyloom::fakes {

class fake_clock final : public core::clock_port {
public:
  core::steady_time now() const override { return now_; }
  std::chrono::system_clock::time_point wall_now() const override {
    return std::chrono::system_clock::time_point{} + now_.time_since_epoch();
  }

  void advance(std::chrono::milliseconds by) { now_ += by; }

private:
  core::steady_time now_{std::chrono::hours{1}};
};

} // namespace keyloom::fakes
