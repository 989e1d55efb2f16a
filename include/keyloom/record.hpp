// A record as Kafka delivered it, and the one a user sends. A `record` is a view into the memory of
// the batch it was polled with: valid during the turn that got it, and, for a job that was
// scheduled from it, until that job's event is over. Copy what must live longer. Values only; any
// thread may read a record while its batch lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyloom {

/// A header of a delivered record; a null value is not an empty one.
struct header_view {
  std::string_view name;
  std::optional<std::string_view> value;
};

/// The headers of one record, read in place. Encoded by record_batch as: length of the name
/// (uint32), length of the value or UINT32_MAX for null (uint32), name, value; host byte order.
class header_block {
public:
  static constexpr uint32_t null_size = UINT32_MAX;

  header_block() = default;
  header_block(const char* first, uint32_t bytes) : pos_(first), bytes_(bytes) {}

  /// Reads the first header and drops it from the block; nothing when the block is empty.
  std::optional<header_view> take() {
    if (bytes_ == 0)
      return std::nullopt;
    uint32_t sizes[2];
    std::memcpy(sizes, pos_, sizeof sizes);
    auto value_size = sizes[1] == null_size ? 0 : sizes[1];
    auto* name = pos_ + sizeof sizes;
    header_view result{{name, sizes[0]}, std::nullopt};
    if (sizes[1] != null_size)
      result.value.emplace(name + sizes[0], value_size);
    auto used = static_cast<uint32_t>(sizeof sizes) + sizes[0] + value_size;
    pos_ += used;
    bytes_ -= used;
    return result;
  }

  /// The value of the last header called `name` (Kafka allows repeats; the last one counts).
  std::optional<std::string_view> find(std::string_view name) const {
    std::optional<std::string_view> result;
    for (auto rest = *this; auto header = rest.take();)
      if (header->name == name)
        result = header->value;
    return result;
  }

  bool empty() const { return bytes_ == 0; }
  const char* data() const { return pos_; }
  uint32_t bytes() const { return bytes_; }

private:
  const char* pos_ = nullptr;
  uint32_t bytes_ = 0;
};

/// The headers of W3C's trace context, which outputs inherit from the record they were made from.
inline constexpr std::string_view trace_parent_header = "traceparent";
inline constexpr std::string_view trace_state_header = "tracestate";

/// One delivered record. `key` and `value` are null when their `data()` is null.
struct record {
  std::string_view key;
  std::string_view value;
  header_block headers;
  int64_t offset = 0;
  int64_t timestamp_ms = 0; ///< as stored by the broker, milliseconds since 1970; -1 when unknown
  uint64_t key_hash = 0;    ///< of `key`, computed once by the poller; 0 without a key

  bool has_key() const { return key.data() != nullptr; }
  bool has_value() const { return value.data() != nullptr; }
  /// The header `type`, which routes the record to its handler.
  std::optional<std::string_view> type() const { return headers.find("type"); }
  /// The trace it belongs to, as W3C's trace context writes it; copy it into a job whose processor
  /// is to continue it.
  std::optional<std::string_view> trace_parent() const { return headers.find(trace_parent_header); }
};

/// A header to send.
struct header {
  std::string name;
  std::optional<std::string> value;
};

/// A record to send with `context::forward`. Unset key or value are null in Kafka; without a
/// partition the key's murmur2 hash chooses one, as Java's clients do, and records without a key go
/// to a random one.
struct outgoing_record {
  std::string topic;
  std::optional<std::string> key = std::nullopt;
  std::optional<std::string> value = std::nullopt;
  std::vector<header> headers = {};
  std::string type = {}; ///< sent as the header `type` unless empty
  std::optional<int32_t> partition = std::nullopt;
  std::optional<int64_t> timestamp_ms = std::nullopt; ///< since 1970; unset: the time of sending
};

} // namespace keyloom
