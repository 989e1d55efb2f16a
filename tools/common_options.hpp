// What every sub-command that talks to a cluster takes. Values only; filled by main.cpp.
#pragma once

#include "runtime/kafka/properties.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace keyloom::tools {

struct common_options {
  std::string brokers; ///< HOST:PORT[,...] or "embedded"; empty: the file's, or 127.0.0.1:9092
  bool json = false;   ///< one JSON object on stdout instead of text
  kafka::properties
    kafka; ///< librdkafka properties as given with --kafka; they win over the file's
  std::optional<std::chrono::seconds> timeout; ///< none: the file's connect.timeout, or 30 s
  std::string config_file;                     ///< keyloom { ... }; empty: none
};

} // namespace keyloom::tools
