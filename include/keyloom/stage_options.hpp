// How a stage goes about its jobs: how many at once, in which order, and how long one call may
// take. Given where the stage is defined:
//
//   source.stage<leg, void>("tell", blocking(tell), finish, {.mode = stage_mode::by_partition});
#pragma once

#include <keyloom/preset.hpp>

#include <chrono>
#include <cstdint>

namespace keyloom {

/// What of a stage's jobs goes on at once. It orders the calls; when outputs are released follows
/// `source_config::output_order` whatever the mode.
enum class stage_mode : uint8_t {
  by_key,       ///< the jobs of a key one after the other, in the order scheduled; keys at once
  by_partition, ///< the jobs of a partition one after the other, in the order scheduled
  unordered,    ///< all at once, also jobs of one key
};

struct stage_options {
  /// A preset, or numbers of your own; may change while running (`event_source::set_limits`).
  stage_limits limits = standard;

  stage_mode mode = stage_mode::by_key;

  /// How long one call may take, from its beginning; 0: as long as it likes. Its job then fails
  /// with errc::timed_out, and what it still answers is dropped and counted. The key goes on,
  /// except after a blocking call, which cannot be interrupted: the key waits until it returns. The
  /// call works on a copy of the job, because the job may be finalized while it runs: so Job must
  /// be copyable and own what it needs (a view into the record is valid until the event is over).
  /// Not for compute stages, whose functions must not wait for anything.
  std::chrono::milliseconds timeout{0};
};

} // namespace keyloom
