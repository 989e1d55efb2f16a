// What every sub-command that talks to a cluster takes. Values only; filled by main.cpp.
#pragma once

#include "runtime/kafka/properties.hpp"

#include <chrono>
#include <string>

namespace keyloom::tools {

struct common_options {
  std::string brokers;     ///< HOST:PORT[,...] or "embedded"
  bool json = false;       ///< one JSON object on stdout instead of text
  kafka::properties kafka; ///< librdkafka properties as given with --kafka
  std::chrono::seconds timeout{30};
};

} // namespace keyloom::tools
