// How much of a stage goes on at once. A preset names a kind of work; every number of it can be
// set.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace keyloom {

/// The limits of a stage over all partitions of its source.
struct stage_limits {
  /// Runs that are processed at once: threads for blocking functions, requests for handler actors.
  /// Compute stages run on CAF's own threads and ignore it.
  uint32_t concurrency = 1;
  /// Jobs that may wait for each unit of concurrency before partitions stop taking in records.
  uint32_t waiting_per_worker = 1000;
  /// Keys that may have jobs in this stage at once before partitions stop taking in records.
  uint32_t concurrent_keys = 10000;
};

/// A named set of limits; `per_core` is multiplied by the number of cores.
struct preset {
  std::string_view name;
  uint32_t per_core;
  uint32_t waiting_per_worker;
  uint32_t concurrent_keys;

  /// The limits on this machine.
  stage_limits limits() const;
  operator stage_limits() const { return limits(); }
};

inline constexpr preset standard{"standard", 1, 1000, 10000};
inline constexpr preset compute_bound{"compute_bound", 1, 1000, 10000};
inline constexpr preset fast_network{"fast_network", 4, 100, 10000};
inline constexpr preset slow_network{"slow_network", 16, 100, 10000};
inline constexpr preset wide_network{"wide_network", 32, 1000, 10000};

/// The preset of this name, or nothing.
std::optional<preset> find_preset(std::string_view name);

} // namespace keyloom
