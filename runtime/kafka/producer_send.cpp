// How the producer hands records over to the client: one by one, or, when they need nothing that
// the client's batch call cannot say, in batches. A batch reads the clock, looks up the topic and
// takes its lock once, which saves about a third of what a call a record costs.
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"
#include "runtime/kafka/producer_impl.hpp"

#include <algorithm>
#include <array>

namespace keyloom::kafka {

namespace {

// More than the client adds to key and value when it looks whether a record is too large.
constexpr size_t record_overhead = 1024;

headers_handle to_headers(const outgoing_record& rec) {
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

rd_kafka_message_t to_message(const producer::item& from) {
  const auto& rec = *from.rec;
  rd_kafka_message_t result{};
  // The client copies and takes no const pointer.
  if (rec.key) {
    result.key = const_cast<char*>(rec.key->data());
    result.key_len = rec.key->size();
  }
  if (rec.value) {
    result.payload = const_cast<char*>(rec.value->data());
    result.len = rec.value->size();
  }
  result._private = from.token;
  return result;
}

} // namespace

std::string size_of(const void* bytes, size_t size) {
  return bytes == nullptr ? "null" : std::to_string(size) + " bytes";
}

rd_kafka_topic_t* producer::impl::find_topic(const std::string& name) {
  if (const auto* last = last_topic.load(std::memory_order_acquire);
      last != nullptr && last->first == name)
    return last->second.get();
  auto found = [this](const auto& entry) {
    last_topic.store(&entry, std::memory_order_release);
    return entry.second.get();
  };
  {
    std::shared_lock guard{topics_mutex};
    if (auto i = topics.find(name); i != topics.end())
      return found(*i);
  }
  std::unique_lock guard{topics_mutex};
  if (auto i = topics.find(name); i != topics.end())
    return found(*i);
  topic_handle made{rd_kafka_topic_new(client.get(), name.c_str(), nullptr)};
  if (!made)
    return nullptr;
  return found(*topics.emplace(name, std::move(made)).first);
}

producer::produce_result producer::impl::refusal(const outgoing_record& rec,
                                                 rd_kafka_resp_err_t code, const char* why) const {
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
    return {verdict::queue_full, {}};
  auto where = rec.partition ? name_of(rec.topic.c_str(), *rec.partition) : rec.topic;
  auto key = size_of(rec.key ? rec.key->data() : nullptr, rec.key ? rec.key->size() : 0);
  auto value = size_of(rec.value ? rec.value->data() : nullptr, rec.value ? rec.value->size() : 0);
  return {verdict::refused,
          failure(code, "cannot send to " + where + " (key: " + key + ", value: " + value + ")",
                  std::string{why} + " (" + rd_kafka_err2name(code) + ")")};
}

producer::produce_result producer::impl::produce(const outgoing_record& rec, void* token) {
  auto* topic = find_topic(rec.topic);
  if (topic == nullptr) {
    auto code = rd_kafka_last_error();
    return refusal(rec, code, "the topic's name is not one");
  }
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
  // The client copies and takes no const pointer.
  if (rec.key)
    part(RD_KAFKA_VTYPE_KEY).mem = {const_cast<char*>(rec.key->data()), rec.key->size()};
  if (rec.value)
    part(RD_KAFKA_VTYPE_VALUE).mem = {const_cast<char*>(rec.value->data()), rec.value->size()};
  if (rec.timestamp_ms)
    part(RD_KAFKA_VTYPE_TIMESTAMP).i64 = *rec.timestamp_ms;
  if (headers)
    part(RD_KAFKA_VTYPE_HEADERS).headers = headers.get();
  ++in_flight; // before the report can come
  error_handle err{rd_kafka_produceva(client.get(), parts.data(), used)};
  if (!err) {
    [[maybe_unused]] auto* owned_by_client = headers.release();
    return {};
  }
  settle(1);
  return refusal(rec, rd_kafka_error_code(err.get()), rd_kafka_error_string(err.get()));
}

size_t producer::impl::produce(std::span<const item> items, produce_result& why) {
  why = {};
  size_t taken = 0;
  while (taken < items.size() && why.what == verdict::accepted) {
    if (auto together = plain_ones(items.subspan(taken)); together.size() > 1) {
      taken += produce_plain(together, why);
    } else {
      why = produce(*items[taken].rec, items[taken].token);
      taken += why.what == verdict::accepted ? 1 : 0;
    }
  }
  return taken;
}

/// The first ones, as far as one batch call can send them.
std::span<const producer::item> producer::impl::plain_ones(std::span<const item> items) const {
  size_t count = 0;
  while (count < items.size() && is_plain(*items[count].rec)
         && items[count].rec->topic == items[0].rec->topic)
    ++count;
  return items.first(count);
}

/// A batch call has no headers and no timestamp, and chooses the partition by key. A record that it
/// would refuse as too large does not go into one: those behind it would be sent before it.
bool producer::impl::is_plain(const outgoing_record& rec) const {
  auto bytes = (rec.key ? rec.key->size() : 0) + (rec.value ? rec.value->size() : 0);
  return rec.headers.empty() && rec.type.empty() && !rec.partition && !rec.timestamp_ms
         && bytes + record_overhead <= max_record_bytes;
}

// The client takes the first ones only: behind one that its queue has no room for it refuses all,
// and what is wrong with the topic is wrong with each of them, because it holds the topic's lock.
size_t producer::impl::produce_plain(std::span<const item> items, produce_result& why) {
  const auto& first = *items[0].rec;
  auto* topic = find_topic(first.topic);
  if (topic == nullptr) {
    why = refusal(first, rd_kafka_last_error(), "the topic's name is not one");
    return 0;
  }
  std::vector<rd_kafka_message_t> messages;
  messages.reserve(items.size());
  std::transform(items.begin(), items.end(), std::back_inserter(messages), to_message);
  in_flight += items.size(); // before the reports can come
  auto taken = static_cast<size_t>(rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA,
                                                          RD_KAFKA_MSG_F_COPY, messages.data(),
                                                          static_cast<int>(messages.size())));
  if (taken < items.size()) {
    settle(items.size() - taken);
    auto code = messages[taken].err;
    why = refusal(*items[taken].rec, code, rd_kafka_err2str(code));
  }
  return taken;
}

} // namespace keyloom::kafka
