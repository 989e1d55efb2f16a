// What the consumer asks the cluster about partitions it was given: what the group has committed,
// and which topic it is and what it holds.
#include "runtime/kafka/consumer_impl.hpp"
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"
#include "runtime/kafka/time.hpp"

#include <algorithm>
#include <set>

namespace keyloom::kafka {

caf::expected<std::vector<partition_offset>>
consumer::committed(const std::vector<topic_partition>& of, std::chrono::milliseconds timeout) {
  auto list = to_list(of);
  auto what = "cannot read the committed offsets of group " + impl_->settings.group;
  if (auto code = rd_kafka_committed(impl_->client.get(), list.get(), to_ms(timeout)))
    return translate(code, errc::kafka_failed, what);
  for (int i = 0; i < list->cnt; ++i)
    if (const auto& entry = list->elems[i]; entry.err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return translate(entry.err, errc::kafka_failed,
                       what + " for " + name_of(entry.topic, entry.partition));
  return offsets_of(list.get());
}

group_metadata consumer::membership(uint64_t epoch) const {
  return {rd_kafka_consumer_group_metadata(impl_->client.get()), epoch};
}

int64_t consumer::end_of(const topic_partition& where) const {
  int64_t low = -1;
  int64_t high = -1;
  auto code = rd_kafka_get_watermark_offsets(impl_->client.get(), where.topic.c_str(),
                                             where.partition, &low, &high);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : -1;
}

namespace {

using facts_map = std::map<topic_partition, partition_facts>;

core::topic_id to_bytes(const rd_kafka_Uuid_t& uuid) {
  core::topic_id result;
  auto put = [to = result.begin()](int64_t bits) mutable {
    for (auto shift = 56; shift >= 0; shift -= 8)
      *to++ = static_cast<uint8_t>(static_cast<uint64_t>(bits) >> shift & 0xff);
  };
  put(rd_kafka_Uuid_most_significant_bits(&uuid));
  put(rd_kafka_Uuid_least_significant_bits(&uuid));
  return result;
}

/// Number of partitions and id of each topic that an answer tells of.
template <class Function>
void for_each_topic(const rd_kafka_event_t* answer, Function f) {
  size_t count = 0;
  auto** topics = rd_kafka_DescribeTopics_result_topics(
    rd_kafka_event_DescribeTopics_result(const_cast<rd_kafka_event_t*>(answer)), &count);
  for (size_t i = 0; i < count; ++i) {
    if (rd_kafka_error_code(rd_kafka_TopicDescription_error(topics[i])))
      continue;
    size_t partitions = 0;
    rd_kafka_TopicDescription_partitions(topics[i], &partitions);
    f(std::string{rd_kafka_TopicDescription_name(topics[i])}, static_cast<int32_t>(partitions),
      to_bytes(*rd_kafka_TopicDescription_topic_id(topics[i])));
  }
}

bool is_set(const core::topic_id& id) {
  return id != core::topic_id{}; // brokers before 2.8 have none
}

void read_topics(const rd_kafka_event_t* answer, facts_map& into) {
  for_each_topic(answer,
                 [&into](const std::string& name, int32_t partitions, const core::topic_id& id) {
                   for (auto& [where, facts] : into) {
                     if (where.topic != name)
                       continue;
                     facts.partitions = partitions;
                     if (is_set(id))
                       facts.topic = id;
                   }
                 });
}

void read_offsets(const rd_kafka_ListOffsets_result_t* from,
                  std::optional<int64_t> partition_facts::*to, facts_map& into) {
  size_t count = 0;
  auto** infos = rd_kafka_ListOffsets_result_infos(from, &count);
  for (size_t i = 0; i < count; ++i) {
    const auto* entry = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
    if (auto found = into.find({entry->topic, entry->partition});
        found != into.end() && entry->err == RD_KAFKA_RESP_ERR_NO_ERROR && entry->offset >= 0)
      found->second.*to = entry->offset;
  }
}

std::vector<std::string> names_in(const facts_map& about) {
  std::set<std::string> result;
  for (auto& each : about)
    result.insert(each.first.topic);
  return {result.begin(), result.end()};
}

/// `spec` stands for the offsets that are asked for.
void ask_offsets(rd_kafka_t* client, const std::vector<topic_partition>& of, int64_t spec,
                 const deadline& until, rd_kafka_queue_t* answers) {
  auto list = to_list(of);
  for (int i = 0; i < list->cnt; ++i)
    list->elems[i].offset = spec;
  admin_options_handle options{rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_LISTOFFSETS)};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), std::max(until.left_ms(), 1), nullptr,
                                            0);
  rd_kafka_ListOffsets(client, list.get(), options.get(), answers);
}

} // namespace

// The admin API sends to the controller, which the embedded broker names and does not have: then
// any broker does.
void consumer::impl::find_describer(const deadline& until) {
  const rd_kafka_metadata_t* found = nullptr;
  if (rd_kafka_metadata(client.get(), 0, nullptr, &found, until.left_ms())
      != RD_KAFKA_RESP_ERR_NO_ERROR)
    return;
  metadata_handle answer{found};
  auto controller = rd_kafka_controllerid(client.get(), 0);
  const auto* first = answer->brokers;
  const auto* last = first + answer->broker_cnt;
  auto is_controller = [controller](const auto& broker) { return broker.id == controller; };
  describer.reset();
  if (first != last && std::none_of(first, last, is_controller))
    describer = first->id;
}

void consumer::impl::ask_topics(const std::vector<std::string>& names,
                                std::chrono::milliseconds timeout,
                                rd_kafka_queue_t* answers) const {
  std::vector<const char*> list;
  for (auto& name : names)
    list.push_back(name.c_str());
  topic_names_handle topics{rd_kafka_TopicCollection_of_topic_names(list.data(), list.size())};
  admin_options_handle options{
    rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_DESCRIBETOPICS)};
  if (describer)
    rd_kafka_AdminOptions_set_broker(options.get(), *describer, nullptr, 0);
  rd_kafka_AdminOptions_set_request_timeout(options.get(), std::max(to_ms(timeout), 1), nullptr, 0);
  rd_kafka_DescribeTopics(client.get(), topics.get(), options.get(), answers);
}

void consumer::identify(const std::vector<std::string>& topics, std::chrono::milliseconds timeout) {
  impl_->ask_topics(topics, timeout, impl_->events.get());
}

topics_identified identified(const rd_kafka_event_t* answer) {
  topics_identified result;
  if (rd_kafka_event_error(const_cast<rd_kafka_event_t*>(answer)) == RD_KAFKA_RESP_ERR_NO_ERROR)
    for_each_topic(answer, [&result](std::string name, int32_t, const core::topic_id& id) {
      if (is_set(id))
        result.ids.emplace(std::move(name), id);
    });
  return result;
}

std::map<topic_partition, partition_facts> consumer::look_up(
  const std::vector<topic_partition>& partitions, std::chrono::milliseconds timeout) {
  facts_map result;
  for (auto& where : partitions)
    result[where];
  if (partitions.empty())
    return result;
  deadline until{timeout};
  auto* client = impl_->client.get();
  queue_handle topics{rd_kafka_queue_new(client)};
  queue_handle lows{rd_kafka_queue_new(client)};
  queue_handle highs{rd_kafka_queue_new(client)};
  ask_offsets(client, partitions, RD_KAFKA_OFFSET_SPEC_EARLIEST, until, lows.get());
  ask_offsets(client, partitions, RD_KAFKA_OFFSET_SPEC_LATEST, until, highs.get());
  impl_->find_describer(until);
  impl_->ask_topics(names_in(result), until.left(), topics.get());
  auto answer = [&until](const queue_handle& from) {
    event_handle event{rd_kafka_queue_poll(from.get(), until.left_ms())};
    return event && rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR_NO_ERROR
             ? std::move(event)
             : event_handle{};
  };
  if (auto event = answer(lows))
    read_offsets(rd_kafka_event_ListOffsets_result(event.get()), &partition_facts::low, result);
  if (auto event = answer(highs))
    read_offsets(rd_kafka_event_ListOffsets_result(event.get()), &partition_facts::high, result);
  if (auto event = answer(topics))
    read_topics(event.get(), result);
  return result;
}

} // namespace keyloom::kafka
