// Records, from the client's fetch buffers into a batch: the hottest code of runtime/kafka. A held
// message pins the whole buffer it came in, so everything is copied and let go of at once.
#include "runtime/kafka/consumer_impl.hpp"
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"

#include <caf/make_counted.hpp>

#include <algorithm>

namespace keyloom::kafka {

namespace {

constexpr size_t largest_chunk = 1000;

// While nobody knows how large the records are, any more could pass the byte limit by far: with 16,
// 100 partitions of records of 100 KB held 85 MB at once under a budget of 4 MiB.
constexpr size_t first_chunk = 1;

/// Messages taken out of a queue; they go back to the client whatever happens.
class taken_messages {
public:
  explicit taken_messages(std::span<rd_kafka_message_t*> messages) : messages_(messages) {}
  taken_messages(const taken_messages&) = delete;
  taken_messages& operator=(const taken_messages&) = delete;

  ~taken_messages() {
    for (auto* message : messages_)
      rd_kafka_message_destroy(message);
  }

private:
  std::span<rd_kafka_message_t*> messages_;
};

std::string_view view(const void* bytes, size_t size) {
  return {static_cast<const char*>(bytes), bytes == nullptr ? 0 : size};
}

// Asking is dear even where there is not a single header, because the client builds a parser each
// time: once instead of twice a message took the poller from 450 to 290 ns a record on a busy
// machine.
rd_kafka_headers_t* headers_of(const rd_kafka_message_t* message) {
  rd_kafka_headers_t* result = nullptr;
  if (rd_kafka_message_headers(message, &result) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return nullptr;
  return result;
}

/// Calls `f` with name and value of each header.
template <class Function>
void for_each_header(const rd_kafka_headers_t* headers, Function f) {
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0;
       headers != nullptr
       && rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i)
    f(std::string_view{name}, view(value, size));
}

size_t bytes_of(const rd_kafka_message_t* message, const rd_kafka_headers_t* headers) {
  // As record_batch stores them: one spare byte a record, two sizes a header.
  auto result = message->key_len + message->len + 1;
  for_each_header(headers, [&result](std::string_view name, std::string_view value) {
    result += 2 * sizeof(uint32_t) + name.size() + value.size();
  });
  return result;
}

/// A record again at an offset that was read already: the log was cut off and grew anew. What was
/// taken in of the old records cannot be told from the new ones.
bool goes_back(const rd_kafka_message_t& message, int64_t position) {
  return message.err == RD_KAFKA_RESP_ERR_NO_ERROR && message.offset < position;
}

caf::error problem_of(const topic_partition& where, const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR)
    return caf::make_error(errc::offset_out_of_range,
                           "cannot read " + name_of(where)
                             + ": it has lost records that were read, and goes on before them, at "
                               "offset "
                             + std::to_string(message.offset)
                             + "; start again to read from what the group has committed");
  return translate(message.err, errc::kafka_failed, "cannot read " + name_of(where),
                   std::string{rd_kafka_message_errstr(&message)} + " ("
                     + rd_kafka_err2name(message.err) + ")");
}

void copy(const rd_kafka_message_t* message, const rd_kafka_headers_t* headers,
          core::record_batch& into) {
  rd_kafka_timestamp_type_t type;
  auto timestamp = rd_kafka_message_timestamp(message, &type);
  into.add(view(message->key, message->key_len), view(message->payload, message->len),
           message->offset, timestamp);
  for_each_header(headers, [&into](std::string_view name, std::string_view value) {
    into.add_header(name, value);
  });
}

size_t chunk_size(size_t record_bytes, size_t records_left, size_t bytes_left) {
  if (record_bytes == 0)
    return std::min(first_chunk, records_left);
  return std::min({largest_chunk, records_left, std::max<size_t>(bytes_left / record_bytes, 1)});
}

} // namespace

core::record_batch_ptr consumer::impl::drain(const topic_partition& where, size_t max_records,
                                             size_t max_bytes) {
  auto i = sources.find(where);
  if (i == sources.end())
    return nullptr;
  auto& from = i->second;
  chunk.resize(largest_chunk);
  core::record_batch_ptr result;
  size_t records = 0;
  size_t bytes = 0;
  while (from.assigned && !from.failed && records < max_records && bytes < max_bytes) {
    auto wanted = chunk_size(from.record_bytes, max_records - records, max_bytes - bytes);
    auto got = rd_kafka_consume_batch_queue(from.queue.get(), 0, chunk.data(), wanted);
    if (got <= 0)
      break;
    std::span messages{chunk.data(), static_cast<size_t>(got)};
    taken_messages guard{messages};
    copy_chunk(where, from, messages, result);
    if (messages.size() < wanted)
      break;
    records = result ? result->records().size() : 0;
    bytes = result ? result->bytes() : 0;
  }
  return result;
}

void consumer::impl::copy_chunk(const topic_partition& where, source& from,
                                std::span<rd_kafka_message_t*> messages,
                                core::record_batch_ptr& into) {
  from.heard = true;
  auto fails = [position = from.position](const auto* message) mutable {
    if (ends_partition(message->err) || goes_back(*message, position))
      return true;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
      position = message->offset;
    return false;
  };
  auto failure = std::find_if(messages.begin(), messages.end(), fails);
  auto readable = messages.first(static_cast<size_t>(failure - messages.begin()));
  make_room(where, from, readable, into);
  auto before = from.position;
  auto headers = chunk_headers.begin();
  for (const auto* message : readable) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      note(where, from, *message);
      continue;
    }
    copy(message, *headers++, *into);
    from.position = message->offset + 1;
  }
  if (from.position != before) {
    if (!into)
      into = caf::make_counted<core::record_batch>(where.topic, where.partition);
    into->set_next_offset(from.position);
  }
  if (failure != messages.end()) {
    from.failed = true;
    pass_on(partition_failed{where, problem_of(where, **failure)});
  }
}

// One allocation for all records of a chunk, and the batch itself when there are any.
void consumer::impl::make_room(const topic_partition& where, source& from,
                               std::span<rd_kafka_message_t*> messages,
                               core::record_batch_ptr& into) {
  chunk_headers.clear();
  size_t bytes = 0;
  for (const auto* message : messages) {
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      chunk_headers.push_back(settings.skip_headers ? nullptr : headers_of(message));
      bytes += bytes_of(message, chunk_headers.back());
    }
  }
  auto records = chunk_headers.size();
  if (records == 0)
    return;
  if (!into)
    into = caf::make_counted<core::record_batch>(where.topic, where.partition);
  into->reserve(records, bytes);
  auto average = bytes / records + sizeof(record);
  from.record_bytes = from.record_bytes == 0 ? average : (7 * from.record_bytes + average) / 8;
}

// The end of a partition tells its position, which control records move without a record to show
// it.
void consumer::impl::note(const topic_partition& where, source& from,
                          const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
    from.position = std::max(from.position, message.offset);
  else
    pass_on(client_error{problem_of(where, message), false});
}

// The owner may go to sleep after a drain that gave nothing.
void consumer::impl::pass_on(consumer_event event) {
  found_while_draining.push_back(std::move(event));
  if (settings.wake)
    settings.wake();
}

} // namespace keyloom::kafka
