// When a call that failed is made again: the arithmetic of a `retry_policy`. Chance, for the
// jitter, is the caller's. No state; any thread.
#pragma once

#include "runtime/core/order_gate.hpp"

#include <keyloom/detail/job.hpp>
#include <keyloom/failure_policy.hpp>

#include <optional>
#include <random>

namespace keyloom::core {

/// The wait after so many failed calls, 1 or more, before the jitter.
std::chrono::milliseconds backoff_after(const retry_policy& policy, uint32_t failed);

/// When the next call is due, the last of those made having failed just now; nothing when a limit
/// is reached.
std::optional<steady_time> next_attempt(const retry_policy& policy, const detail::attempts& tried,
                                        steady_time now, std::minstd_rand& random);

/// Whether the error is worth another call.
bool worth_retrying(const retry_policy& policy, const caf::error& reason);

} // namespace keyloom::core
