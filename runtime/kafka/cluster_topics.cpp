// Creating a topic, and its settings: by the admin API where there is one, by asking for it where
// there is none. The embedded broker has none, and does not refuse it either: it names a controller
// that is not there, for which the client would wait until the timeout.
#include "runtime/kafka/cluster_impl.hpp"
#include "runtime/kafka/errors.hpp"

#include <algorithm>
#include <array>

namespace keyloom::kafka {

namespace {

caf::expected<new_topic_handle> describe_topic(const std::string& topic, int32_t partitions,
                                               const properties& topic_config,
                                               const std::string& what) {
  std::array<char, 512> reason{};
  // As many replicas as the broker's default.replication.factor says.
  new_topic_handle result{
    rd_kafka_NewTopic_new(topic.c_str(), partitions, -1, reason.data(), reason.size())};
  if (!result)
    return caf::make_error(errc::bad_config, what + ": " + reason.data());
  for (const auto& [name, value] : topic_config)
    if (auto code = rd_kafka_NewTopic_set_config(result.get(), name.c_str(), value.c_str()))
      return translate(code, errc::bad_config, what + " with " + name + " = " + value);
  return result;
}

caf::error result_in(rd_kafka_event_t* answer, const std::string& what) {
  size_t count = 0;
  auto** topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer),
                                                      &count);
  for (size_t i = 0; i < count; ++i) {
    auto code = rd_kafka_topic_result_error(topics[i]);
    const auto* why = rd_kafka_topic_result_error_string(topics[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      continue;
    auto otherwise = code == RD_KAFKA_RESP_ERR_INVALID_CONFIG
                         || code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS
                         || code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
                       ? errc::bad_config
                       : errc::kafka_failed;
    return translate(code, otherwise, what,
                     (why == nullptr ? rd_kafka_err2str(code) : std::string{why}) + " ("
                       + rd_kafka_err2name(code) + ")");
  }
  return {};
}

} // namespace

caf::error cluster::create_topic(const std::string& topic, int32_t partitions,
                                 std::chrono::milliseconds timeout,
                                 const properties& topic_config) {
  deadline until{timeout};
  auto has_controller = impl_->has_controller(until);
  if (!has_controller)
    return std::move(has_controller.error());
  if (*has_controller)
    return impl_->create(topic, partitions, topic_config, until);
  return impl_->create_by_asking(topic, partitions, until);
}

caf::expected<bool> cluster::impl::has_controller(const deadline& until) {
  auto answer = ask_until(client, {}, until);
  if (!answer)
    return std::move(answer.error());
  auto controller = rd_kafka_controllerid(client.get(), until.left_ms());
  if (controller < 0)
    return caf::make_error(errc::kafka_failed, "the Kafka cluster at " + brokers
                                                 + " has no controller, which creates topics: wait "
                                                   "for its election");
  const auto* first = (*answer)->brokers;
  return std::any_of(first, first + (*answer)->broker_cnt,
                     [controller](const auto& broker) { return broker.id == controller; });
}

caf::error cluster::impl::create(const std::string& topic, int32_t partitions,
                                 const properties& topic_config, const deadline& until) {
  auto what = "cannot create topic " + topic;
  auto wanted = describe_topic(topic, partitions, topic_config, what);
  if (!wanted)
    return std::move(wanted.error());
  queue_handle answers{rd_kafka_queue_new(client.get())};
  auto* list = wanted->get();
  rd_kafka_CreateTopics(client.get(), &list, 1, nullptr, answers.get());
  event_handle answer{rd_kafka_queue_poll(answers.get(), until.left_ms())};
  if (!answer) {
    listen(std::chrono::milliseconds{0});
    return unreachable();
  }
  if (auto code = rd_kafka_event_error(answer.get()))
    return translate(code, errc::kafka_failed, what, rd_kafka_event_error_string(answer.get()));
  if (auto err = result_in(answer.get(), what)) {
    // Who may not create it may still use it when it is there; the broker looks at that first.
    auto existing = count(client, topic, until);
    return existing ? caf::error{} : std::move(err);
  }
  return wait_for(topic, until);
}

// A topic that was just created is unknown to a broker for a moment.
caf::error cluster::impl::wait_for(const std::string& topic, const deadline& until) {
  for (;;) {
    auto found = count(client, topic, until);
    if (found)
      return {};
    if (found.error() != errc::topic_missing || until.passed())
      return std::move(found.error());
    listen(std::min(until.left(), ask_again));
  }
}

// The embedded broker creates what is asked for, with its own number of partitions.
caf::error cluster::impl::create_by_asking(const std::string& topic, int32_t partitions,
                                           const deadline& until) {
  if (auto checked = describe_topic(topic, partitions, {}, "cannot create topic " + topic);
      !checked)
    return std::move(checked.error());
  if (auto existing = count(client, topic, until))
    return {};
  auto asking = connect(true);
  if (!asking)
    return std::move(asking.error());
  auto found = count(*asking, topic, until);
  if (!found)
    return std::move(found.error());
  if (*found == partitions)
    return {};
  return caf::make_error(errc::bad_config,
                         "topic " + topic + " was created with " + std::to_string(*found)
                           + " partitions instead of " + std::to_string(partitions)
                           + ": this broker knows its default number only; ask for that, or create "
                             "the topic with embedded_broker::create_topic");
}

// -- its settings ---------------------------------------------------------------------------------

namespace {

caf::expected<properties> config_in(rd_kafka_event_t* answer, const std::string& what) {
  if (auto code = rd_kafka_event_error(answer))
    return translate(code, errc::kafka_failed, what, rd_kafka_event_error_string(answer));
  size_t count = 0;
  auto** resources = rd_kafka_DescribeConfigs_result_resources(
    rd_kafka_event_DescribeConfigs_result(answer), &count);
  if (count != 1)
    return caf::make_error(errc::kafka_failed, what + ": the answer names no topic");
  if (auto code = rd_kafka_ConfigResource_error(resources[0]))
    return translate(code, errc::kafka_failed, what);
  size_t entries = 0;
  const auto** configs = rd_kafka_ConfigResource_configs(resources[0], &entries);
  properties result;
  for (size_t i = 0; i < entries; ++i)
    if (const auto* value = rd_kafka_ConfigEntry_value(configs[i]))
      result.emplace(rd_kafka_ConfigEntry_name(configs[i]), value);
  return result;
}

} // namespace

caf::expected<properties> cluster::topic_config(const std::string& topic,
                                                std::chrono::milliseconds timeout) {
  deadline until{timeout};
  config_resource_handle resource{
    rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str())};
  admin_options_handle options{
    rd_kafka_AdminOptions_new(impl_->client.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), std::max(until.left_ms(), 1), nullptr,
                                            0);
  queue_handle answers{rd_kafka_queue_new(impl_->client.get())};
  auto* list = resource.get();
  rd_kafka_DescribeConfigs(impl_->client.get(), &list, 1, options.get(), answers.get());
  event_handle answer{rd_kafka_queue_poll(answers.get(), until.left_ms())};
  if (answer)
    return config_in(answer.get(), "cannot read the settings of topic " + topic);
  impl_->listen(std::chrono::milliseconds{0});
  return impl_->unreachable();
}

caf::error cluster::check_transactions(std::chrono::milliseconds timeout) {
  auto has_controller = impl_->has_controller(deadline{timeout});
  if (!has_controller)
    return std::move(has_controller.error());
  if (*has_controller)
    return {};
  return caf::make_error(errc::bad_config,
                         "exactly once does not work on the embedded broker: it plays transactions "
                         "without keeping what they promise (readers see aborted records, offsets "
                         "vanish); use a real broker (tools/broker.sh start), or at least once");
}

} // namespace keyloom::kafka
