// How the producer hands records over to the client: one by one, or, when they need nothing that
// the client's batch call cannot say, in batches. A batch reads the clock, looks up the topic and
// takes its lock once, which saves about a third of what a call a record costs.
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/producer_impl.hpp"

#include <algorithm>

namespace keyloom::kafka {

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
  return {verdict::refused, failure(code, "cannot send to " + name_of(view_of(rec)),
                                    std::string{why} + " (" + rd_kafka_err2name(code) + ")")};
}

producer::produce_result producer::impl::produce(const outgoing_record& rec, void* token) {
  auto* topic = find_topic(rec.topic);
  if (topic == nullptr) {
    auto code = rd_kafka_last_error();
    return refusal(rec, code, "the topic's name is not one");
  }
  ++in_flight; // before the report can come
  auto err = produce_record(client.get(), topic, view_of(rec), token);
  if (!err)
    return {};
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

bool producer::impl::is_plain(const outgoing_record& rec) const {
  return !rec.partition && fits_batch(view_of(rec), max_record_bytes);
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
  std::transform(items.begin(), items.end(), std::back_inserter(messages),
                 [](const item& x) { return to_message(view_of(*x.rec), x.token); });
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
