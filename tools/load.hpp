// `keyloom load`: fills a topic, with records that are made up so that `verify` can follow them, or
// with the rows of a CSV file. Exit 0 only when every record was acknowledged and the broker still
// holds what it held before.
#pragma once

#include "tools/common_options.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace keyloom::tools {

struct load_options {
  static constexpr int32_t default_partitions = 4;

  common_options common;
  std::string topic;
  std::optional<uint64_t> records; ///< required without `csv`; there all rows
  uint64_t keys = 1;               ///< made up, taking turns
  std::optional<double> zipf;      ///< exponent of the keys' distribution, instead of taking turns
  uint32_t size = 100;             ///< bytes of a made-up value
  std::optional<int32_t> partitions; ///< of a topic that has to be created
  std::optional<double> rate;        ///< records a second; as fast as possible without
  std::string csv;                   ///< a file, .csv or .csv.gz
  std::string key_column;            ///< of the file
};

/// Runs until everything is sent, or a signal; returns the exit code.
int run_load(const load_options& options);

} // namespace keyloom::tools
