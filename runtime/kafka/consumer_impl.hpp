// The inside of `consumer`, shared by its four files: consumer.cpp (life, membership),
// consumer_events.cpp (what the client says, commits), consumer_lookup.cpp (what is asked of the
// cluster), consumer_drain.cpp (records). Who may call what: see
// consumer.hpp; `commit_async` and `assignment_lost` use `client` and `events` only, which do not
// change after `make`.
#pragma once

#include "runtime/kafka/consumer.hpp"
#include "runtime/kafka/handles.hpp"
#include "runtime/kafka/time.hpp"

#include <deque>
#include <map>

namespace keyloom::kafka {

struct consumer::impl {
  /// A partition's own queue; kept for the consumer's life, because the client goes on putting the
  /// partition's records there once it was taken out of the consumer's queue.
  struct source {
    queue_handle queue;
    bool assigned = false;
    bool failed = false;     ///< gives nothing more until it is assigned again
    bool heard = false;      ///< something came since it was assigned: a record, or its end
    int64_t position = -1;   ///< behind what was drained; -1 while unknown
    size_t record_bytes = 0; ///< about the size of a record, as seen so far; 0 while unknown
  };

  /// The group's question that waits for `assign` or `unassign`.
  enum class question { none, assign, unassign };

  explicit impl(config settings);
  ~impl();
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  // -- consumer.cpp ----------------------------------------------------------------------------

  caf::error start();
  caf::error subscribe(const std::vector<std::string>& topics);
  caf::error unsubscribe();
  caf::error assign(const std::vector<partition_offset>& start);
  caf::error unassign(const std::vector<topic_partition>& partitions);
  caf::expected<source*> open(const topic_partition& where);
  void close();
  bool closed() const;
  void leave_group();

  // -- consumer_events.cpp ---------------------------------------------------------------------

  std::optional<consumer_event> next_event(std::chrono::milliseconds timeout);
  std::optional<consumer_event> to_event(rd_kafka_event_t* event);
  consumer_event rebalance(rd_kafka_event_t* event);
  consumer_event commit_result(rd_kafka_event_t* event) const;
  consumer_event problem(rd_kafka_event_t* event) const;
  void write_log(rd_kafka_event_t* event) const;

  // -- consumer_lookup.cpp ---------------------------------------------------------------------

  void find_describer(const deadline& until);
  void ask_topics(const std::vector<std::string>& names, std::chrono::milliseconds timeout,
                  rd_kafka_queue_t* answers) const;

  // -- consumer_drain.cpp ----------------------------------------------------------------------

  core::record_batch_ptr drain(const topic_partition& where, size_t max_records, size_t max_bytes);
  void copy_chunk(const topic_partition& where, source& from, std::span<rd_kafka_message_t*> chunk,
                  core::record_batch_ptr& into);
  void make_room(const topic_partition& where, source& from, std::span<rd_kafka_message_t*> chunk,
                 core::record_batch_ptr& into);
  void pass_on(consumer_event event);
  void note(const topic_partition& where, source& from, const rd_kafka_message_t& message);

  config settings;
  client_handle client;
  queue_handle events;
  std::map<topic_partition, source> sources;
  std::deque<consumer_event> found_while_draining;
  std::vector<rd_kafka_message_t*> chunk;         ///< room for one call's messages
  std::vector<rd_kafka_headers_t*> chunk_headers; ///< of its records, null where there are none
  /// The broker to ask about topics, where it is not the controller.
  std::optional<int32_t> describer;
  question asked = question::none;
  std::vector<topic_partition> asked_about;
  bool closing = false;
  bool close_failed = false; ///< no farewell takes place, e.g. after a fatal error
};

/// What a DescribeTopics request was answered.
topics_identified identified(const rd_kafka_event_t* answer);

/// Whether reading the partition ends with this error; others the client mends by itself.
bool ends_partition(rd_kafka_resp_err_t code);

} // namespace keyloom::kafka
