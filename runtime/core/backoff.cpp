#include "runtime/core/backoff.hpp"

#include <keyloom/errc.hpp>

#include <algorithm>

namespace keyloom::core {

using std::chrono::milliseconds;

std::chrono::milliseconds backoff_after(const retry_policy& policy, uint32_t failed) {
  auto wait = policy.backoff;
  for (uint32_t i = 1; i < failed && wait < policy.max_backoff && policy.factor > 1; ++i)
    wait = wait > policy.max_backoff / policy.factor ? policy.max_backoff : wait * policy.factor;
  return std::min(wait, policy.max_backoff);
}

std::optional<steady_time> next_attempt(const retry_policy& policy, const detail::attempts& tried,
                                        steady_time now, std::minstd_rand& random) {
  if (!policy.enabled() || (policy.times > 0 && tried.made > policy.times))
    return std::nullopt;
  using fine = std::chrono::duration<double, std::milli>;
  auto shorter = std::uniform_real_distribution<double>{0, policy.jitter / 100.0}(random);
  auto wait = fine{backoff_after(policy, tried.made)} * (1 - shorter);
  auto due = now + std::chrono::duration_cast<steady_time::duration>(wait);
  if (policy.total.count() > 0 && due - tried.first_failure > policy.total)
    return std::nullopt;
  return due;
}

bool worth_retrying(const retry_policy& policy, const caf::error& reason) {
  if (policy.when) {
    try {
      return policy.when(reason);
    } catch (...) {
      return false; // what it was asked about is the error that people see
    }
  }
  if (reason.category() != caf::type_id_v<errc>)
    return true;
  switch (static_cast<errc>(reason.code())) {
    case errc::decode_failed:
    case errc::encode_failed:
    case errc::no_handler:
    case errc::nothing_pending:
    case errc::wrong_result_type:
      return false;
    default:
      return true;
  }
}

} // namespace keyloom::core
