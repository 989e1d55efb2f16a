// Keeps the sentences of what people should know.
#pragma once

#include "runtime/core/ports.hpp"

#include <functional>
#include <string>
#include <vector>

namespace keyloom::fakes {

class fake_incidents final : public core::incident_port {
public:
  void skipped(const caf::error& reason) override { skips.push_back(describe(reason)); }
  void retrying(const caf::error& reason, uint32_t, core::steady_time::duration) override {
    retries.push_back(describe(reason));
    if (on_retry)
      on_retry(retries.back());
  }
  void dead_lettered(const caf::error& reason) override { letters.push_back(describe(reason)); }
  void stopped(const caf::error& reason) override { stops.push_back(describe(reason)); }

  void traced(const std::string& what) override { traces.push_back(what); }

  std::vector<std::string> skips;
  std::vector<std::string> retries;
  std::function<void(const std::string&)> on_retry;
  std::vector<std::string> letters;
  std::vector<std::string> stops;
  std::vector<std::string> traces;
};

} // namespace keyloom::fakes
