// `keyloom work`: the reference worker, to try keyloom with and to measure it by.
#pragma once

#include "tools/common_options.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace keyloom::tools {

struct work_options {
  common_options common;
  std::string topic;
  std::string group;
  std::string out;                     ///< empty: no output
  std::string mode = "by_key";         ///< by_key, by_partition, unordered
  std::string processor = "none";      ///< none, compute, blocking, actor, async, batch
  bool by_run = false;                 ///< one call for a key's run; compute and blocking
  std::optional<uint32_t> batch_size;  ///< of batch
  int64_t delay_ms = 0;                ///< of blocking, actor, async and batch
  int64_t jitter_ms = 0;               ///< up to so much more
  std::optional<uint32_t> concurrency; ///< instead of the preset's
  std::string preset = "standard";
  double fail_rate = 0;          ///< fraction of attempts that fail
  double straggler_fraction = 0; ///< fraction of jobs that take straggler_ms instead
  int64_t straggler_ms = 0;
  // Empty: what the configuration file says, or the default.
  std::string on_error; ///< stop, skip, dead-letter
  std::optional<uint32_t> retries;
  std::string dlq;          ///< the dead-letter topic
  std::string output_order; ///< by_key, by_event, none
  std::string key_turns;    ///< automatic, interleaved, serial
  std::string tag;          ///< of each output's header `by`; empty: no such header
  bool exactly_once = false;
  std::string state; ///< change log of the counts per key; empty: nothing is counted
  std::optional<uint32_t> http_port; ///< none: what the file says, or no HTTP server
  bool until_end = false;
  std::optional<uint16_t> inspect_port; ///< 0: any that is free; not set: as the file says
};

/// Works until a signal, or with `until_end` until the group has committed what was the end at the
/// start. The exit code of the program.
int run_work(const work_options& options);

} // namespace keyloom::tools
