#include "runtime/kafka/consumer.hpp"

#include "runtime/kafka/conf.hpp"
#include "runtime/kafka/consumer_impl.hpp"
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"
#include "runtime/kafka/time.hpp"

#include <algorithm>

namespace keyloom::kafka {

namespace {

// How long a destructor waits for the group to let go of it. A member that just vanishes is missed
// after session.timeout.ms.
constexpr std::chrono::seconds leave_timeout{5};

constexpr int log_warning = 4;

// The user may change these. Large queues read fastest, but each partition that is not drained then
// holds as much memory as its queue; looking again soon when a queue was full gives the same speed
// with little of it. The client has one fetch at a time under way to a broker, and one that asks
// only for partitions that are at their end waits for fetch.wait.max.ms while the others, whose
// queues were full a moment ago, run dry: with the client's 500 ms a backlog of 2 M records stood
// still for half a second near its end.
properties defaults(const consumer::config& settings) {
  return {
    {"client.id", "keyloom"},
    quick_to_connect,
    {"queued.min.messages", std::to_string(settings.queue_messages)},
    {"queued.max.messages.kbytes", std::to_string(settings.queue_kbytes)},
    {"fetch.queue.backoff.ms", "10"},
    {"fetch.wait.max.ms", "50"},
  };
}

std::vector<forced_property> forced(const consumer::config& settings) {
  std::vector<forced_property> result{
    brokers_property(settings.brokers),
    {"group.id", settings.group, "the setting `group` names the consumer group"},
    {"enable.auto.commit", "false", "keyloom commits what is out, and nothing else"},
    {"enable.auto.offset.store", "false", "keyloom commits what is out, and nothing else"},
    {"auto.offset.reset", settings.skips_gaps ? "earliest" : "error",
     "keyloom starts at the earliest record where nothing is committed; the setting `on-gap` says "
     "what happens where the offset is out of range"},
    {"enable.partition.eof", "true", "it tells the position behind control records"},
    {"log.queue", "true", "log lines are passed on by the thread that polls"},
  };
  // The consumer protocol (KIP-848) is incremental by itself and refuses a client-side assignor.
  auto protocol = settings.kafka.find("group.protocol");
  if (protocol == settings.kafka.end() || !same_value(protocol->second, "consumer"))
    result.push_back({"partition.assignment.strategy", "cooperative-sticky",
                      "partitions that stay are worked on during a rebalance"});
  return result;
}

void call_wake(rd_kafka_t*, void* settings) {
  static_cast<const consumer::config*>(settings)->wake();
}

} // namespace

consumer::impl::impl(config cfg) : settings(std::move(cfg)) {
  // nop
}

caf::error consumer::impl::start() {
  if (settings.group.empty())
    return caf::make_error(errc::bad_config,
                           "the setting `group` is empty: name the consumer group");
  auto conf = make_conf(defaults(settings), settings.kafka, forced(settings));
  if (!conf)
    return std::move(conf.error());
  rd_kafka_conf_set_events(conf->get(), RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR
                                          | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_LOG);
  auto made = make_client(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!made)
    return std::move(made.error());
  client = std::move(*made);
  events.reset(rd_kafka_queue_get_consumer(client.get()));
  if (auto code = rd_kafka_poll_set_consumer(client.get()))
    return translate(code, errc::kafka_failed, "cannot read the client's events");
  if (auto code = rd_kafka_set_log_queue(client.get(), events.get()))
    return translate(code, errc::kafka_failed, "cannot read the client's log");
  if (settings.wake)
    rd_kafka_queue_cb_event_enable(events.get(), call_wake, &settings);
  return {};
}

// Queues go before the client, and no call to `wake` may come once they are gone.
consumer::impl::~impl() {
  if (!client)
    return;
  leave_group();
  if (events)
    rd_kafka_queue_cb_event_enable(events.get(), nullptr, nullptr);
  for (auto& entry : sources)
    rd_kafka_queue_cb_event_enable(entry.second.queue.get(), nullptr, nullptr);
  auto left = closed();
  sources.clear();
  events.reset();
  if (!left)
    rd_kafka_destroy_flags(client.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

caf::error consumer::impl::subscribe(const std::vector<std::string>& topics) {
  partitions_handle list{rd_kafka_topic_partition_list_new(static_cast<int>(topics.size()))};
  std::string names;
  for (const auto& topic : topics) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    names += (names.empty() ? "" : ", ") + topic;
  }
  if (auto code = rd_kafka_subscribe(client.get(), list.get()))
    return translate(code, errc::kafka_failed,
                     "group " + settings.group + " cannot subscribe to " + names);
  return {};
}

caf::error consumer::impl::unsubscribe() {
  if (auto code = rd_kafka_unsubscribe(client.get()))
    return translate(code, errc::kafka_failed, "group " + settings.group + " cannot be left");
  return {};
}

// The queue is taken out of the consumer's queue before the partition is assigned: records fetched
// in between would come out of next_event instead.
caf::expected<consumer::impl::source*> consumer::impl::open(const topic_partition& where) {
  auto [i, added] = sources.try_emplace(where);
  if (!added)
    return &i->second;
  auto& queue = i->second.queue;
  queue.reset(rd_kafka_queue_get_partition(client.get(), where.topic.c_str(), where.partition));
  if (!queue) {
    sources.erase(i);
    return caf::make_error(errc::kafka_failed, "the client has no queue for " + name_of(where));
  }
  rd_kafka_queue_forward(queue.get(), nullptr);
  if (settings.wake)
    rd_kafka_queue_cb_event_enable(queue.get(), call_wake, &settings);
  return &i->second;
}

caf::error consumer::impl::assign(const std::vector<partition_offset>& start) {
  for (const auto& [where, offset, metadata] : start) {
    auto opened = open(where);
    if (!opened)
      return std::move(opened.error());
    (*opened)->assigned = true;
    (*opened)->failed = false;
    (*opened)->heard = false;
    (*opened)->position = std::max<int64_t>(offset, -1);
  }
  auto list = to_list(start, RD_KAFKA_OFFSET_BEGINNING);
  // An empty list answers whatever was asked.
  auto answer = start.empty() && asked == question::unassign ? rd_kafka_incremental_unassign
                                                             : rd_kafka_incremental_assign;
  asked = question::none;
  return translate(error_handle{answer(client.get(), list.get())}, errc::kafka_failed,
                   "group " + settings.group + " cannot assign partitions");
}

caf::error consumer::impl::unassign(const std::vector<topic_partition>& partitions) {
  if (partitions.empty())
    return assign({});
  for (const auto& where : partitions)
    if (auto i = sources.find(where); i != sources.end())
      i->second.assigned = false;
  auto list = to_list(partitions);
  asked = question::none;
  return translate(error_handle{rd_kafka_incremental_unassign(client.get(), list.get())},
                   errc::kafka_failed, "group " + settings.group + " cannot give partitions back");
}

// -- the end --------------------------------------------------------------------------------------

void consumer::impl::close() {
  if (closing)
    return;
  closing = true;
  error_handle err{rd_kafka_consumer_close_queue(client.get(), events.get())};
  close_failed = err != nullptr;
}

bool consumer::impl::closed() const {
  return close_failed || rd_kafka_consumer_closed(client.get()) != 0;
}

// Whatever the group asks now, the answer is that nothing is taken and all is given back.
void consumer::impl::leave_group() {
  if (!events)
    return;
  close();
  deadline until{leave_timeout};
  while (!closed() && !until.passed()) {
    if (asked != question::none) {
      auto taken = asked == question::unassign ? std::move(asked_about) : decltype(asked_about){};
      if (auto err = unassign(taken); err && settings.log)
        settings.log(log_warning, describe(err));
    }
    // Other events have no reader any more.
    static_cast<void>(next_event(std::chrono::milliseconds{50}));
  }
}

// -- the public face ------------------------------------------------------------------------------

consumer::consumer(std::unique_ptr<impl> ptr) : impl_(std::move(ptr)) {
  // nop
}

consumer::~consumer() = default;

caf::expected<std::unique_ptr<consumer>> consumer::make(config cfg) {
  auto ptr = std::make_unique<impl>(std::move(cfg));
  if (auto err = ptr->start())
    return err;
  return std::unique_ptr<consumer>{new consumer(std::move(ptr))};
}

caf::error consumer::subscribe(const std::vector<std::string>& topics) {
  return impl_->subscribe(topics);
}

caf::error consumer::unsubscribe() {
  return impl_->unsubscribe();
}

std::optional<consumer_event> consumer::next_event(std::chrono::milliseconds timeout) {
  return impl_->next_event(timeout);
}

caf::error consumer::assign(const std::vector<partition_offset>& start) {
  return impl_->assign(start);
}

caf::error consumer::unassign(const std::vector<topic_partition>& partitions) {
  return impl_->unassign(partitions);
}

core::record_batch_ptr consumer::drain(const topic_partition& where, size_t max_records,
                                       size_t max_bytes) {
  return impl_->drain(where, max_records, max_bytes);
}

bool consumer::has_heard(const topic_partition& of) const {
  auto i = impl_->sources.find(of);
  return i != impl_->sources.end() && i->second.heard;
}

void consumer::close() {
  impl_->close();
}

bool consumer::closed() const {
  return impl_->closed();
}

} // namespace keyloom::kafka
