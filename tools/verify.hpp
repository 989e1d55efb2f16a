// `keyloom verify`: does the output topic hold the input topic's records, all of them, in their
// keys' order, and nothing else? What counts as the same record: tools/record_identity.hpp; how it
// is judged: tools/verification.hpp.
#pragma once

#include "tools/common_options.hpp"

#include <string>

namespace keyloom::tools {

struct verify_options {
  common_options common;
  std::string topic;         ///< the input
  std::string out;           ///< the output
  bool exactly_once = false; ///< duplicates are a failure, too
};

/// Reads both topics to where they ended at the start. The exit code of the program.
int run_verify(const verify_options& options);

} // namespace keyloom::tools
