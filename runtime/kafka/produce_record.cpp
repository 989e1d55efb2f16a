#include "runtime/kafka/produce_record.hpp"

#include "runtime/kafka/partition_list.hpp"

#include <array>

namespace keyloom::kafka {

namespace {

// More than the client adds to key and value when it looks whether a record is too large.
constexpr size_t record_overhead = 1024;

headers_handle to_headers(const record_view& rec) {
  auto count = rec.headers.size() + (rec.type.empty() ? 0 : 1);
  if (count == 0)
    return nullptr;
  headers_handle result{rd_kafka_headers_new(count)};
  auto add = [&result](std::string_view name, const void* value, size_t size) {
    // Its one error is for lists that belong to a delivered message.
    static_cast<void>(rd_kafka_header_add(result.get(), name.data(),
                                          static_cast<ssize_t>(name.size()), value,
                                          static_cast<ssize_t>(size)));
  };
  for (const auto& [name, value] : rec.headers)
    add(name, value ? value->data() : nullptr, value ? value->size() : 0);
  if (!rec.type.empty())
    add("type", rec.type.data(), rec.type.size());
  return result;
}

std::string_view view_of(const std::optional<std::string>& text) {
  return text ? std::string_view{*text} : std::string_view{};
}

} // namespace

record_view view_of(const outgoing_record& rec) {
  return {.topic = rec.topic,
          .key = view_of(rec.key),
          .value = view_of(rec.value),
          .partition = rec.partition,
          .timestamp_ms = rec.timestamp_ms,
          .type = rec.type,
          .headers = rec.headers};
}

std::string size_of(const void* bytes, size_t size) {
  return bytes == nullptr ? "null" : std::to_string(size) + " bytes";
}

std::string name_of(const record_view& rec) {
  return name_of(std::string{rec.topic}.c_str(), rec.partition.value_or(RD_KAFKA_PARTITION_UA))
         + " (key: " + size_of(rec.key.data(), rec.key.size())
         + ", value: " + size_of(rec.value.data(), rec.value.size()) + ")";
}

bool fits_batch(const record_view& rec, size_t max_record_bytes) {
  return rec.headers.empty() && rec.type.empty() && !rec.timestamp_ms
         && rec.key.size() + rec.value.size() + record_overhead <= max_record_bytes;
}

// The client writes to none of it and takes no const pointer.
rd_kafka_message_t to_message(const record_view& rec, void* token) {
  rd_kafka_message_t result{};
  result.key = const_cast<char*>(rec.key.data());
  result.key_len = rec.key.size();
  result.payload = const_cast<char*>(rec.value.data());
  result.len = rec.value.size();
  result._private = token;
  return result;
}

error_handle produce_record(rd_kafka_t* client, rd_kafka_topic_t* topic, const record_view& rec,
                            void* token) {
  auto headers = to_headers(rec);
  std::array<rd_kafka_vu_t, 8> parts{};
  size_t used = 0;
  auto part = [&](rd_kafka_vtype_t type) -> auto& {
    parts[used].vtype = type;
    return parts[used++].u;
  };
  part(RD_KAFKA_VTYPE_RKT).rkt = topic;
  part(RD_KAFKA_VTYPE_PARTITION).i32 = rec.partition.value_or(RD_KAFKA_PARTITION_UA);
  part(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
  part(RD_KAFKA_VTYPE_OPAQUE).ptr = token;
  if (rec.key.data() != nullptr)
    part(RD_KAFKA_VTYPE_KEY).mem = {const_cast<char*>(rec.key.data()), rec.key.size()};
  if (rec.value.data() != nullptr)
    part(RD_KAFKA_VTYPE_VALUE).mem = {const_cast<char*>(rec.value.data()), rec.value.size()};
  if (rec.timestamp_ms)
    part(RD_KAFKA_VTYPE_TIMESTAMP).i64 = *rec.timestamp_ms;
  if (headers)
    part(RD_KAFKA_VTYPE_HEADERS).headers = headers.get();
  error_handle err{rd_kafka_produceva(client, parts.data(), used)};
  if (!err) [[maybe_unused]]
    auto* owned_by_client = headers.release();
  return err;
}

} // namespace keyloom::kafka
