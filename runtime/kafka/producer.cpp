#include "runtime/kafka/conf.hpp"
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"
#include "runtime/kafka/producer_impl.hpp"
#include "runtime/kafka/time.hpp"

#include <array>

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
  static const properties result{{"client.id", "keyloom"}, {"linger.ms", "5"}, quick_to_connect};
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

} // namespace

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
  max_record_bytes = size_property(client.get(), "message.max.bytes");
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
      refused = failure(message->err,
                        "a record for " + where
                          + " (key: " + size_of(message->key, message->key_len) + ", value: "
                          + size_of(message->payload, message->len) + ") was not acknowledged",
                        words(message->err));
    }
    reports.delivered(message->_private, refused);
  }
  return reported;
}

// A client that is broken for good, as one that may not have a producer's id is, says of a record
// that it was purged, or that the client is broken, and not why.
caf::error producer::impl::failure(rd_kafka_resp_err_t code, const std::string& what,
                                   const std::string& why) const {
  auto says_little = code == RD_KAFKA_RESP_ERR__PURGE_QUEUE
                     || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT
                     || code == RD_KAFKA_RESP_ERR__FATAL;
  std::array<char, 512> reason{};
  auto fatal = rd_kafka_fatal_error(client.get(), reason.data(), reason.size());
  if (!says_little || fatal == RD_KAFKA_RESP_ERR_NO_ERROR)
    return translate(code, errc::produce_failed, what, why);
  return translate(fatal, errc::produce_failed, what,
                   std::string{reason.data()} + " (" + rd_kafka_err2name(fatal) + ")");
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

size_t producer::produce(std::span<const item> items, produce_result& why) {
  return impl_->produce(items, why);
}

bool producer::flush(std::chrono::milliseconds timeout) {
  return impl_->flush(timeout);
}

size_t producer::in_flight() const {
  return impl_->in_flight;
}

} // namespace keyloom::kafka
