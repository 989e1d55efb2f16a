// The producer's inside, shared by its two files: producer.cpp (life, reports) and
// producer_send.cpp (handing records over).
#pragma once

#include "runtime/kafka/handles.hpp"
#include "runtime/kafka/produce_record.hpp"
#include "runtime/kafka/producer.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace keyloom::kafka {

struct producer::impl {
  impl(config settings, report_port& port) : cfg(std::move(settings)), reports(port) {}
  ~impl();
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  caf::error start();
  bool flush(std::chrono::milliseconds timeout);

  // Handing over (producer_send.cpp): any thread.
  produce_result produce(const outgoing_record& rec, void* token);
  size_t produce(std::span<const item> items, produce_result& why);
  size_t produce_plain(std::span<const item> items, produce_result& why);
  std::span<const item> plain_ones(std::span<const item> items) const;
  bool is_plain(const outgoing_record& rec) const;
  rd_kafka_topic_t* find_topic(const std::string& name);
  produce_result refusal(const outgoing_record& rec, rd_kafka_resp_err_t code,
                         const char* why) const;

  // The reports' thread.
  void run();
  void serve(int timeout_ms);
  size_t report(rd_kafka_event_t* event);
  void log_event(rd_kafka_event_t* event) const;
  void settle(size_t records);

  /// Any thread: the error "`what`: `why`" of a record that did not get out.
  caf::error failure(rd_kafka_resp_err_t code, const std::string& what,
                     const std::string& why) const;

  config cfg;
  report_port& reports;
  client_handle client;
  queue_handle events;
  size_t max_record_bytes = 0;    ///< the property message.max.bytes
  std::shared_mutex topics_mutex; ///< guards `topics`; an entry stays where it is once it is there
  topic_map topics;
  std::atomic<const topic_map::value_type*> last_topic{nullptr}; ///< most outputs go to one topic
  std::atomic<size_t> in_flight{0};
  std::mutex idle_mutex; ///< with `idle`: wakes those who wait for in_flight == 0
  std::condition_variable idle;
  std::atomic<bool> stopping{false};
  std::thread thread;
};

} // namespace keyloom::kafka
