// A record to send, as views into memory that somebody else keeps. A value; valid while that lives.
#pragma once

#include "runtime/core/output_arena.hpp"

#include <keyloom/record.hpp>

#include <optional>
#include <span>
#include <string_view>

namespace keyloom::kafka {

/// A record to produce. A key or value whose `data()` is null is null in Kafka (a tombstone).
struct record_view {
  std::string_view topic;
  std::string_view key = {};
  std::string_view value = {};
  std::optional<int32_t> partition = std::nullopt;    ///< unset: murmur2 of the key, random without
  std::optional<int64_t> timestamp_ms = std::nullopt; ///< since 1970; unset: the time of sending
  std::string_view type = {};                         ///< sent as the header `type` unless empty
  std::span<const header> headers = {};
};

/// The view of a record that outlives it.
record_view view_of(const outgoing_record& rec);

inline record_view view_of(const core::packed_output& rec) {
  return {.topic = *rec.topic,
          .key = rec.key(),
          .value = rec.value(),
          .partition = rec.partition,
          .type = rec.type()};
}

} // namespace keyloom::kafka
