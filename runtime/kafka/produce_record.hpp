// Handing one record over to librdkafka: what the plain and the transactional producer have in
// common. Any thread.
#pragma once

#include "runtime/kafka/handles.hpp"
#include "runtime/kafka/record_view.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace keyloom::kafka {

struct string_hash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// A producer's topics by name.
using topic_map = std::unordered_map<std::string, topic_handle, string_hash, std::equal_to<>>;

/// Bytes of a key or value as a message names them; "null" without.
std::string size_of(const void* bytes, size_t size);

/// "topic[partition] (key: 3 bytes, value: null)".
std::string name_of(const record_view& rec);

/// Whether one batch call can send the record: that has no headers and no timestamp. One that it
/// would refuse as too large does not go into one: those behind it would be sent before it.
bool fits_batch(const record_view& rec, size_t max_record_bytes);

/// For a batch call, which takes the partition apart from it.
rd_kafka_message_t to_message(const record_view& rec, void* token);

/// Sends a copy of the record; null, or why it was not taken.
error_handle produce_record(rd_kafka_t* client, rd_kafka_topic_t* topic, const record_view& rec,
                            void* token);

} // namespace keyloom::kafka
