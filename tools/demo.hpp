// `keyloom demo`: flights keyed by aircraft, an asynchronous look-up per leg, a ledger per
// aircraft, and a check that nothing was lost, doubled or reordered. Runs with no options, on the
// embedded broker.
#pragma once

#include "tools/common_options.hpp"

#include <cstdint>
#include <string>

namespace keyloom::tools {

struct demo_options {
  common_options common;
  int64_t lookup_ms = 5; ///< latency added to each look-up
  std::string csv;       ///< legs, .csv or .csv.gz
  std::string planes;    ///< aircraft, .csv
};

/// Runs to the end of the file; returns the exit code.
int run_demo(const demo_options& options);

} // namespace keyloom::tools
