// A poller that counts how often it was woken.
#pragma once

#include "runtime/core/ports.hpp"

namespace keyloom::fakes {

class fake_intake final : public core::intake_port {
public:
  void credit_returned() override { ++woken; }

  size_t woken = 0;
};

} // namespace keyloom::fakes
