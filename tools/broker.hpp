// `keyloom broker`: an embedded broker in the foreground, for trying things from other processes.
#pragma once

namespace keyloom::tools {

struct broker_options {
  bool json = false; ///< one JSON object on stdout instead of text
};

/// Prints the address and keeps the broker alive until SIGINT or SIGTERM. The exit code of the
/// program.
int run_broker(const broker_options& options);

} // namespace keyloom::tools
