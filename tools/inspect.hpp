// `keyloom inspect`: one picture of a running process, or one action on it.
#pragma once

#include "tools/inspector_access.hpp"

namespace keyloom::tools {

struct inspect_options {
  inspector_place place;
  bool json = false;
  std::string source; ///< empty: the only one
  // At most one of these; none: the picture.
  std::string pause;
  std::string resume;
  std::string limit;
  std::optional<int32_t> trace;
  std::optional<int32_t> no_trace;
  std::string key;   ///< of pause and resume; empty: the whole stage
  limit_change to;   ///< of limit
  std::string topic; ///< of trace; empty: the one that is read
};

/// The exit code of the program.
int run_inspect(const inspect_options& options);

} // namespace keyloom::tools
