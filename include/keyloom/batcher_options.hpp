// How a batcher gathers items. Given where it is defined:
//
//   source.batcher<leg>("write", blocking(write), {.max_batch_size = 500, .accumulation_delay =
//   20ms});
#pragma once

#include <keyloom/failure_policy.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace keyloom {

struct batcher_options {
  /// Items a batch may have. A batch that has them leaves at once.
  uint32_t max_batch_size = 100;

  /// Batches that are executed at once, over all partitions: threads for a blocking executor,
  /// requests for a handler actor.
  uint32_t max_concurrent_batches = 4;

  /// How long a batch that is not full waits for more items, from when its first key may leave
  /// (earlier items of it are not being executed). 0: not at all.
  std::chrono::milliseconds accumulation_delay{5};

  /// Bytes a batch may have, by what `byte_size(const Item&)` says, found beside the item's type;
  /// without one a string counts its characters, and any other item sizeof(Item). An item that is
  /// larger goes alone. 0: no limit.
  uint64_t max_bytes = 0;

  /// How items that failed are executed again, before the callback hears of it; not set: as
  /// `source_config::retry` says. Each by itself: what went well of a batch is over. Its key waits
  /// meanwhile. The executor gets the same item again, so it must leave it usable (not moved from).
  /// `when` runs on the batcher's thread.
  std::optional<retry_policy> retry = std::nullopt;

  /// What becomes of an event whose callback returned an error. Not set: as
  /// `source_config::on_error` says.
  std::optional<failure_action> on_error = std::nullopt;
};

} // namespace keyloom
