#include "runtime/kafka/cluster.hpp"

#include "runtime/kafka/cluster_impl.hpp"
#include "runtime/kafka/conf.hpp"
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"

#include <algorithm>

namespace keyloom::kafka {

namespace {

// What asking rests on. The user's properties are meant for consumer and producer as well, so these
// replace the user's instead of refusing them.
std::vector<forced_property> forced(const std::string& brokers, bool auto_create) {
  return {
    brokers_property(brokers),
    {"allow.auto.create.topics", auto_create ? "true" : "false", "asking creates nothing"},
    {"isolation.level", "read_uncommitted", "watermarks are those of the log"},
  };
}

} // namespace

// -- reaching it ----------------------------------------------------------------------------------

caf::expected<client_handle> cluster::impl::connect(bool auto_create) const {
  auto must = forced(brokers, auto_create);
  auto wanted = user;
  wanted.erase("allow.auto.create.topics");
  wanted.erase("isolation.level");
  // It joins no group, but needs a name for one: without, librdkafka 2.14.2 crashes when a broker
  // that is no coordinator any more is asked for committed offsets.
  auto conf = make_conf({{"client.id", "keyloom"}, {"group.id", "keyloom-asks"}, quick_to_connect},
                        wanted, must);
  if (!conf)
    return std::move(conf.error());
  // The log is not wanted: what matters comes as an error of the call, or as an event.
  rd_kafka_conf_set_log_cb(conf->get(), nullptr);
  rd_kafka_conf_set_events(conf->get(), RD_KAFKA_EVENT_ERROR);
  return make_client(RD_KAFKA_CONSUMER, std::move(*conf));
}

// Why nobody answers comes as an event, not with the call that got no answer.
void cluster::impl::listen(std::chrono::milliseconds timeout) {
  deadline until{timeout};
  for (;;) {
    event_handle event{rd_kafka_queue_poll(events.get(), until.left_ms())};
    if (!event)
      return;
    if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
      last_problem = rd_kafka_event_error_string(event.get());
  }
}

caf::error cluster::impl::unreachable() const {
  auto why = last_problem.empty() ? std::string{"no answer"} : last_problem;
  return caf::make_error(errc::broker_unreachable,
                         "no Kafka broker answers at " + brokers + ": " + why
                           + "; check the setting `brokers` (HOST:PORT), that the broker runs, and "
                             "the property security.protocol");
}

caf::expected<metadata_handle> cluster::impl::ask(rd_kafka_t* asking, const std::string& topic,
                                                  const deadline& until) {
  // A request that was sent before the connection broke never answers: better to ask again.
  constexpr std::chrono::milliseconds patience{2000};
  topic_handle handle;
  if (!topic.empty()) {
    handle.reset(rd_kafka_topic_new(asking, topic.c_str(), nullptr));
    if (!handle)
      return translate(rd_kafka_last_error(), errc::kafka_failed, "cannot look up topic " + topic);
  }
  const rd_kafka_metadata_t* found = nullptr;
  auto code = rd_kafka_metadata(asking, 0, handle.get(), &found,
                                to_ms(std::min(until.left(), patience)));
  metadata_handle answer{found};
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    listen(std::min(until.left(), ask_again));
    return unreachable();
  }
  return answer;
}

caf::error cluster::impl::renew() {
  auto fresh = connect(false);
  if (!fresh)
    return std::move(fresh.error());
  events.reset(); // before its client goes
  client = std::move(*fresh);
  events.reset(rd_kafka_queue_get_main(client.get()));
  return {};
}

caf::expected<metadata_handle> cluster::impl::ask_until(client_handle& asking,
                                                        const std::string& topic,
                                                        const deadline& until) {
  for (;;) {
    auto answer = ask(asking.get(), topic, until);
    if (answer || answer.error() != errc::broker_unreachable || until.passed())
      return answer;
    if (&asking == &client)
      if (auto err = renew())
        return err;
  }
}

caf::error cluster::wait_until_reachable(std::chrono::milliseconds timeout) {
  auto answer = impl_->ask_until(impl_->client, {}, deadline{timeout});
  return answer ? caf::error{} : std::move(answer.error());
}

// -- reading it -----------------------------------------------------------------------------------

caf::expected<int32_t> cluster::impl::count(client_handle& asking, const std::string& topic,
                                            const deadline& until) {
  for (;;) {
    auto answer = ask_until(asking, topic, until);
    if (!answer)
      return std::move(answer.error());
    if ((*answer)->topic_cnt == 0)
      return translate(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, errc::topic_missing,
                       "cannot look up topic " + topic);
    const auto& found = (*answer)->topics[0];
    auto no_leader = [](const rd_kafka_metadata_partition_t& x) { return x.leader < 0; };
    auto electing = found.err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
                    || std::any_of(found.partitions, found.partitions + found.partition_cnt,
                                   no_leader);
    if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR && (!electing || until.passed()))
      return found.partition_cnt;
    if (!electing || until.passed())
      return translate(found.err, errc::kafka_failed, "cannot look up topic " + topic);
    listen(std::min(until.left(), ask_again));
  }
}

caf::expected<int32_t> cluster::partition_count(const std::string& topic,
                                                std::chrono::milliseconds timeout) {
  return impl_->count(impl_->client, topic, deadline{timeout});
}

namespace {

/// A topic that was just made has no leader for a moment.
bool leader_unknown(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
         || code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
}

} // namespace

caf::expected<std::vector<watermarks>>
cluster::query_watermarks(const std::string& topic, std::chrono::milliseconds timeout) {
  deadline until{timeout};
  auto partitions = impl_->count(impl_->client, topic, until);
  if (!partitions)
    return std::move(partitions.error());
  std::vector<watermarks> result(static_cast<size_t>(*partitions));
  for (int32_t i = 0; i < *partitions; ++i) {
    auto& found = result[static_cast<size_t>(i)];
    auto ask = [&, partition = i] {
      return rd_kafka_query_watermark_offsets(impl_->client.get(), topic.c_str(), partition,
                                              &found.low, &found.high, until.left_ms());
    };
    auto code = ask();
    while (leader_unknown(code) && !until.passed()) {
      impl_->listen(std::min(until.left(), ask_again));
      code = ask();
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
      return translate(code, errc::kafka_failed,
                       "cannot read where " + name_of(topic.c_str(), i) + " begins and ends");
  }
  return result;
}

// -- making it ------------------------------------------------------------------------------------

cluster::cluster(std::unique_ptr<impl> ptr) : impl_(std::move(ptr)) {
  // nop
}

cluster::~cluster() = default;

caf::expected<std::unique_ptr<cluster>> cluster::make(const std::string& brokers,
                                                      const properties& kafka) {
  std::unique_ptr<impl> ptr{new impl{brokers, kafka}};
  if (auto err = ptr->renew())
    return err;
  return std::unique_ptr<cluster>{new cluster(std::move(ptr))};
}

} // namespace keyloom::kafka
