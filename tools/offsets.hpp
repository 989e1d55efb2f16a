// `keyloom offsets`: how far a group has come in a topic, without joining it.
#pragma once

#include "tools/common_options.hpp"

#include <string>

namespace keyloom::tools {

struct offsets_options {
  common_options common;
  std::string topic;
  std::string group;
};

/// Prints committed offset, end and lag of every partition, and what keyloom noted in the commit as
/// completed beyond it: ranges of offsets, first and last. The exit code of the program.
int run_offsets(const offsets_options& options);

} // namespace keyloom::tools
