// Keeps the sentences of what people should know.
#pragma once

#include "runtime/core/ports.hpp"

#include <string>
#include <vector>

namespace keyloom::fakes {

class fake_incidents final : public core::incident_port {
public:
  void skipped(const caf::error& reason) override { skips.push_back(describe(reason)); }
  void stopped(const caf::error& reason) override { stops.push_back(describe(reason)); }

  std::vector<std::string> skips;
  std::vector<std::string> stops;
};

} // namespace keyloom::fakes
