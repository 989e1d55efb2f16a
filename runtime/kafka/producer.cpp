#include "runtime/kafka/producer.hpp"

#include "runtime/kafka/conf.hpp"
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"
#include "runtime/kafka/time.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <thread>
#include <unordered_map>

namespace keyloom::kafka {

namespace {

// How long the reports' thread waits for something to report before it looks at `stopping` again;
// the destructor wakes it, so this is a safety net.
constexpr int poll_ms = 500;

// So many events are served before the port hears `reports_drained`, however many come after them.
constexpr int events_at_once = 16;

// Purged records are reported at once; more than this means that the client itself is stuck.
constexpr std::chrono::seconds purge_timeout{10};

constexpr int log_error = 3;

const properties& defaults() {
  // FACTS: with one request a partition, a linger below 5 ms saturates the broker.
  static const properties result{{"client.id", "keyloom"}, {"linger.ms", "5"}};
  return result;
}

std::vector<forced_property> forced(const producer::config& settings) {
  return {
    brokers_property(settings.brokers),
    {"enable.idempotence", "true", "a retry must neither double nor reorder the records of a key"},
    {"partitioner", "murmur2_random", "keys go to the partitions that Java's clients choose"},
    {"delivery.report.only.error", "false", "offsets are committed when outputs are acknowledged"},
    {"log.queue", "true", "log lines are passed on by the thread that reports"},
  };
}

struct string_hash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

using topic_map = std::unordered_map<std::string, topic_handle, string_hash, std::equal_to<>>;

std::string size_of(const void* bytes, size_t size) {
  return bytes == nullptr ? "null" : std::to_string(size) + " bytes";
}

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

} // namespace

struct producer::impl {
  impl(config settings, report_port& port) : cfg(std::move(settings)), reports(port) {}
  ~impl();
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  caf::error start();
  produce_result produce(const outgoing_record& rec, void* token);
  bool flush(std::chrono::milliseconds timeout);

  rd_kafka_topic_t* find_topic(const std::string& name);
  produce_result refusal(const outgoing_record& rec, rd_kafka_resp_err_t code,
                         const char* why) const;

  // The reports' thread.
  void run();
  void serve(int timeout_ms);
  size_t report(rd_kafka_event_t* event);
  void log_event(rd_kafka_event_t* event) const;
  void settle(size_t records);

  config cfg;
  report_port& reports;
  client_handle client;
  queue_handle events;
  std::shared_mutex topics_mutex; ///< guards `topics`; a topic's handle stays once it is there
  topic_map topics;
  std::atomic<size_t> in_flight{0};
  std::mutex idle_mutex; ///< with `idle`: wakes those who wait for in_flight == 0
  std::condition_variable idle;
  std::atomic<bool> stopping{false};
  std::thread thread;
};

caf::error producer::impl::start() {
  auto conf = make_conf(defaults(), cfg.kafka, forced(cfg));
  if (!conf)
    return std::move(conf.error());
  rd_kafka_conf_set_events(conf->get(),
                           RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
  auto made = make_client(RD_KAFKA_PRODUCER, std::move(*conf));
  if (!made)
    return std::move(made.error());
  client = std::move(*made);
  events.reset(rd_kafka_queue_get_main(client.get()));
  if (auto code = rd_kafka_set_log_queue(client.get(), events.get()))
    return translate(code, errc::kafka_failed, "cannot read the producer's log");
  thread = std::thread{[this] { run(); }};
  return {};
}

// Purging again and again, because a record may be on its way between two of the client's queues.
producer::impl::~impl() {
  if (!thread.joinable())
    return;
  deadline until{purge_timeout};
  while (in_flight > 0 && !until.passed()) {
    if (auto code = rd_kafka_purge(client.get(),
                                   RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        code != RD_KAFKA_RESP_ERR_NO_ERROR && cfg.log)
      cfg.log(log_error, "cannot drop unsent records: " + words(code));
    flush(std::chrono::milliseconds{100});
  }
  stopping = true;
  rd_kafka_queue_yield(events.get());
  thread.join();
}

// -- handing over ---------------------------------------------------------------------------------

rd_kafka_topic_t* producer::impl::find_topic(const std::string& name) {
  {
    std::shared_lock guard{topics_mutex};
    if (auto i = topics.find(name); i != topics.end())
      return i->second.get();
  }
  std::unique_lock guard{topics_mutex};
  if (auto i = topics.find(name); i != topics.end())
    return i->second.get();
  topic_handle made{rd_kafka_topic_new(client.get(), name.c_str(), nullptr)};
  if (!made)
    return nullptr;
  return topics.emplace(name, std::move(made)).first->second.get();
}

producer::produce_result producer::impl::refusal(const outgoing_record& rec,
                                                 rd_kafka_resp_err_t code, const char* why) const {
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
    return {verdict::queue_full, {}};
  auto where = rec.partition ? name_of(rec.topic.c_str(), *rec.partition) : rec.topic;
  auto key = size_of(rec.key ? rec.key->data() : nullptr, rec.key ? rec.key->size() : 0);
  auto value = size_of(rec.value ? rec.value->data() : nullptr, rec.value ? rec.value->size() : 0);
  return {verdict::refused,
          translate(code, errc::produce_failed,
                    "cannot send to " + where + " (key: " + key + ", value: " + value + ")",
                    std::string{why} + " (" + rd_kafka_err2name(code) + ")")};
}

producer::produce_result producer::impl::produce(const outgoing_record& rec, void* token) {
  auto* topic = find_topic(rec.topic);
  if (topic == nullptr) {
    auto code = rd_kafka_last_error();
    return refusal(rec, code, "the topic's name is not one");
  }
  auto headers = to_headers(rec);
  std::array<rd_kafka_vu_t, 7> parts{};
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

// While the client flushes, it does not linger; the reports themselves come on their own thread.
bool producer::impl::flush(std::chrono::milliseconds timeout) {
  deadline until{timeout};
  if (in_flight > 0)
    static_cast<void>(rd_kafka_flush(client.get(), until.left_ms())); // in_flight tells the result
  std::unique_lock guard{idle_mutex};
  return idle.wait_for(guard, until.left(), [this] { return in_flight == 0; });
}

void producer::impl::settle(size_t records) {
  if (in_flight.fetch_sub(records) != records)
    return;
  std::lock_guard guard{idle_mutex};
  idle.notify_all();
}

// -- reporting ------------------------------------------------------------------------------------

void producer::impl::run() {
  while (!stopping)
    serve(poll_ms);
}

void producer::impl::serve(int timeout_ms) {
  size_t reported = 0;
  for (int i = 0; i < events_at_once; ++i) {
    event_handle event{rd_kafka_queue_poll(events.get(), i == 0 ? timeout_ms : 0)};
    if (!event)
      break;
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR)
      reported += report(event.get());
    else
      log_event(event.get());
  }
  if (reported == 0)
    return;
  reports.reports_drained();
  settle(reported);
}

size_t producer::impl::report(rd_kafka_event_t* event) {
  size_t reported = 0;
  for (; const auto* message = rd_kafka_event_message_next(event); ++reported) {
    caf::error refused;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      auto where = name_of(rd_kafka_topic_name(message->rkt), message->partition);
      refused = translate(message->err, errc::produce_failed,
                          "a record for " + where
                            + " (key: " + size_of(message->key, message->key_len) + ", value: "
                            + size_of(message->payload, message->len) + ") was not acknowledged");
    }
    reports.delivered(message->_private, refused);
  }
  return reported;
}

void producer::impl::log_event(rd_kafka_event_t* event) const {
  if (!cfg.log)
    return;
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (rd_kafka_event_log(event, &facility, &text, &level) == 0)
    cfg.log(level, std::string{facility} + ": " + text);
  else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
    cfg.log(log_error, rd_kafka_event_error_string(event));
}

// -- the public face ------------------------------------------------------------------------------

producer::producer(std::unique_ptr<impl> ptr) : impl_(std::move(ptr)) {
  // nop
}

producer::~producer() = default;

caf::expected<std::unique_ptr<producer>> producer::make(config cfg, report_port& reports) {
  auto ptr = std::make_unique<impl>(std::move(cfg), reports);
  if (auto err = ptr->start())
    return err;
  return std::unique_ptr<producer>{new producer(std::move(ptr))};
}

producer::produce_result producer::produce(const outgoing_record& rec, void* token) {
  return impl_->produce(rec, token);
}

bool producer::flush(std::chrono::milliseconds timeout) {
  return impl_->flush(timeout);
}

size_t producer::in_flight() const {
  return impl_->in_flight;
}

} // namespace keyloom::kafka
