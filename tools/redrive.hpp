// `keyloom redrive`: sends dead letters back into a topic, as the records they were made of. A
// consumer group remembers how far it came, so that a later call goes on behind it; nothing is
// removed from the dead-letter topic. What was sent is committed every so many records, after the
// broker has acknowledged all of them: a call that is killed repeats the last ones.
#pragma once

#include "tools/common_options.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace keyloom::tools {

struct redrive_options {
  common_options common;
  std::string dlq;   ///< the dead-letter topic
  std::string to;    ///< where its records go
  std::string group; ///< remembers how far it came; empty: named after both topics
  std::optional<uint64_t> limit;
  bool dry_run = false; ///< read and count only
};

/// Redrives what was there at the start. The exit code of the program.
int run_redrive(const redrive_options& options);

} // namespace keyloom::tools
