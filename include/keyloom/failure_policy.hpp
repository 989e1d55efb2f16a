// What becomes of work that failed: it is tried again for a while, and then an action decides. Both
// are set for a source (`source_config::retry`, `on_error`), and may be set for a stage of its own
// (`stage_options`).
//
// What is tried again is a call of the user's that changed nothing: a processor's, with the same
// job, before the finalizer hears of it (in a batcher: an item, before the callback); a handler's,
// whose turn was undone. A finalizer runs once a job, with the last result, so its error is final.
// Meanwhile the key waits (of the job, or, for a handler, of the record), so its order stays; other
// keys go on. By_partition the partition's jobs wait, in an unordered stage nobody else does.
#pragma once

#include <caf/error.hpp>

#include <chrono>
#include <cstdint>
#include <functional>

namespace keyloom {

/// What becomes of an event that failed for good.
enum class failure_action : uint8_t {
  stop_partition, ///< its partition stops, the others go on; the source ends with an error
  stop_source,    ///< the source drains and ends with an error
  skip,           ///< logged and counted, then the event counts as complete
  dead_letter, ///< its record goes to `dead_letter_topic`; it is out when the broker has it there
};

/// How often, and for how long, a call that failed is made again. It ends with whichever limit is
/// reached first; without any limit nothing is tried again.
struct retry_policy {
  /// Calls after the first; 0: no limit where `total` is one, otherwise none.
  uint32_t times = 0;

  /// No call begins later than this after the first one failed; 0: no limit.
  std::chrono::milliseconds total{0};

  /// The wait before the first further call. Each later one is `factor` times as long as the one
  /// before, up to `max_backoff`.
  std::chrono::milliseconds backoff{100};
  uint32_t factor = 2;
  std::chrono::milliseconds max_backoff{30000};

  /// Each wait is shortened by up to so many percent, at random, so that what failed together does
  /// not come again together.
  uint32_t jitter = 20;

  /// Which errors are worth another call. Not set: all but those that would come again for sure
  /// (decode_failed, encode_failed, no_handler, nothing_pending, wrong_result_type). Runs on the
  /// partition's thread; one that throws says no.
  std::function<bool(const caf::error&)> when = nullptr;

  bool enabled() const { return times > 0 || total.count() > 0; }
};

} // namespace keyloom
