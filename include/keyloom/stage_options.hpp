// How a stage goes about its jobs: how many at once, in which order, and how long one call may
// take. Given where the stage is defined:
//
//   source.stage<leg, void>("tell", blocking(tell), finish, {.mode = stage_mode::by_partition});
#pragma once

#include <keyloom/failure_policy.hpp>
#include <keyloom/preset.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

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

  /// How jobs whose call failed are tried again, timeouts and dead handler actors included; not
  /// set: as `source_config::retry` says. The processor gets the same job again, so one that fails
  /// must leave it usable (not moved from). Jobs of a key go to their processor one by one then (by
  /// run: one run after the other), which costs a message a job where a key has many.
  std::optional<retry_policy> retry = std::nullopt;

  /// What becomes of an event that fails in this stage for good: its job failed and the finalizer
  /// returned that error, or another. Not set: as `source_config::on_error` says.
  std::optional<failure_action> on_error = std::nullopt;
};

} // namespace keyloom
