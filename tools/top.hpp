// `keyloom top`: a live table of a running process.
#pragma once

#include "tools/inspector_access.hpp"

namespace keyloom::tools {

struct top_options {
  inspector_place place;
};

/// Until q or a signal. The exit code of the program.
int run_top(const top_options& options);

} // namespace keyloom::tools
