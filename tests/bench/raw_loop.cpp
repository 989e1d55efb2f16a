// The fastest plain librdkafka consumer we know how to write: the yardstick keyloom is measured
// against (tools/bench.sh). It has no runtime, no keys and no order to keep: it takes batches out
// of per-partition queues and commits positions every 100 ms; with --out it copies every record
// through an idempotent producer and commits only what was acknowledged. Its consumer settings are
// those of runtime/kafka/consumer.cpp and its producer's those of runtime/kafka/producer.cpp, so
// that a difference in speed is keyloom's own.
//
// One thread calls the client; there is nothing shared. Ends when everything that was in the topic
// at the start is consumed and committed. `seconds` run from the first record to the last commit's
// answer.
#include "tests/bench/raw_client.hpp"

#include <algorithm>
#include <deque>

namespace {

using namespace raw;

constexpr size_t batch_size = 1000;
constexpr auto commit_interval = std::chrono::milliseconds{100};

/// A record that was sent on and is not acknowledged yet.
struct sent_record {
  int64_t offset = 0;
  bool done = false;
};

/// An input partition: how far it is read, what is out, what was committed.
struct input {
  rd_kafka_queue_t* queue = nullptr;
  bool assigned = false;
  int64_t end = 0;                  ///< high watermark at the start
  int64_t position = -1;            ///< behind the last record taken
  int64_t sent_commit = -1;         ///< the offset of the last commit sent
  int64_t committed = -1;           ///< the last offset the broker acknowledged
  bool empty = false;               ///< nothing was in it at the start
  std::deque<sent_record> out = {}; ///< a deque: acknowledgements keep pointers to its elements

  /// The offset behind everything that is out.
  int64_t complete() {
    while (!out.empty() && out.front().done)
      out.pop_front();
    return out.empty() ? position : out.front().offset;
  }
};

// -- the producer of --out ------------------------------------------------------------------------

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  check(message->err, "a record was not delivered");
  static_cast<sent_record*>(message->_private)->done = true;
}

class copier {
public:
  explicit copier(const settings& cfg) {
    if (cfg.out.empty())
      return;
    auto* conf = make_conf({{"bootstrap.servers", cfg.brokers},
                            {"client.id", "raw_loop"},
                            {"enable.idempotence", "true"},
                            {"linger.ms", "5"},
                            {"partitioner", "murmur2_random"}},
                           {});
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    client_ = make_client(RD_KAFKA_PRODUCER, conf);
    topic_ = rd_kafka_topic_new(client_, cfg.out.c_str(), nullptr);
  }

  copier(const copier&) = delete;
  copier& operator=(const copier&) = delete;

  ~copier() {
    if (topic_ != nullptr)
      rd_kafka_topic_destroy(topic_);
    if (client_ != nullptr)
      rd_kafka_destroy(client_);
  }

  bool active() const { return client_ != nullptr; }

  void poll() {
    if (active())
      rd_kafka_poll(client_, 0);
  }

  /// Takes the records of a batch; waits while the client's buffer is full.
  void send(input& from, rd_kafka_message_t** messages, size_t count) {
    room_.clear();
    for (size_t i = 0; i < count; ++i) {
      const auto* message = messages[i];
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        continue;
      auto& slot = from.out.emplace_back(sent_record{message->offset, false});
      auto& copy = room_.emplace_back();
      copy.payload = message->payload;
      copy.len = message->len;
      copy.key = message->key;
      copy.key_len = message->key_len;
      copy._private = &slot;
    }
    while (!room_.empty()) {
      rd_kafka_produce_batch(topic_, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, room_.data(),
                             static_cast<int>(room_.size()));
      auto taken = [](const auto& x) { return x.err == RD_KAFKA_RESP_ERR_NO_ERROR; };
      std::erase_if(room_, taken);
      for (const auto& refused : room_)
        if (refused.err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
          check(refused.err, "a record was refused");
      if (!room_.empty())
        rd_kafka_poll(client_, 10);
    }
  }

private:
  rd_kafka_t* client_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  std::vector<rd_kafka_message_t> room_;
};

// -- the consumer ---------------------------------------------------------------------------------

class loop {
public:
  explicit loop(const settings& cfg) : settings_(cfg), out_(cfg), messages_(batch_size) {
    client_ = make_consumer(cfg, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR
                                   | RD_KAFKA_EVENT_OFFSET_COMMIT);
    events_ = rd_kafka_queue_get_consumer(client_);
  }

  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  ~loop() {
    for (auto& [number, from] : inputs_)
      if (from.queue != nullptr)
        rd_kafka_queue_destroy(from.queue);
    rd_kafka_queue_destroy(events_);
    // Answers the last revoke by itself: the event queue has no reader any more.
    rd_kafka_destroy_flags(client_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }

  void run() {
    find_inputs();
    subscribe(client_, settings_.topic);
    auto next_commit = steady::now();
    while (!finished()) {
      auto taken = take_all();
      out_.poll();
      auto now = steady::now();
      if (now >= next_commit || everything_read()) {
        commit();
        next_commit = now + commit_interval;
      }
      handle_events(taken == 0 ? 1 : 0);
    }
  }

  void report() const { raw::report(figures_, settings_.json); }

private:
  void find_inputs() {
    auto ends = find_ends(client_, settings_);
    for (size_t i = 0; i < ends.size(); ++i) {
      auto& from = inputs_[static_cast<int32_t>(i)];
      from.end = ends[i].high;
      from.empty = ends[i].low == ends[i].high;
    }
  }

  size_t take_all() {
    size_t taken = 0;
    for (auto& [number, from] : inputs_)
      if (from.assigned)
        taken += take(from);
    return taken;
  }

  size_t take(input& from) {
    auto got = rd_kafka_consume_batch_queue(from.queue, 0, messages_.data(), batch_size);
    if (got <= 0)
      return 0;
    if (figures_.records == 0)
      figures_.first_record = steady::now();
    auto count = static_cast<size_t>(got);
    for (size_t i = 0; i < count; ++i)
      look_at(from, *messages_[i]);
    if (out_.active())
      out_.send(from, messages_.data(), count);
    for (size_t i = 0; i < count; ++i)
      rd_kafka_message_destroy(messages_[i]);
    return count;
  }

  void look_at(input& from, const rd_kafka_message_t& message) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      from.position = std::max(from.position, message.offset);
      return;
    }
    check(message.err, "cannot read");
    ++figures_.records;
    from.position = message.offset + 1;
  }

  bool everything_read() {
    return std::all_of(inputs_.begin(), inputs_.end(), [](auto& entry) {
      return entry.second.empty || entry.second.complete() >= entry.second.end;
    });
  }

  bool finished() const {
    return std::all_of(inputs_.begin(), inputs_.end(), [](const auto& entry) {
      return entry.second.empty || entry.second.committed >= entry.second.end;
    });
  }

  void commit() {
    auto* list = rd_kafka_topic_partition_list_new(static_cast<int>(inputs_.size()));
    for (auto& [number, from] : inputs_) {
      auto offset = from.complete();
      if (!from.assigned || offset < 0 || offset == from.sent_commit)
        continue;
      from.sent_commit = offset;
      rd_kafka_topic_partition_list_add(list, settings_.topic.c_str(), number)->offset = offset;
    }
    if (list->cnt > 0) {
      check(rd_kafka_commit_queue(client_, list, events_, nullptr, nullptr), "cannot commit");
      ++figures_.commits;
    }
    rd_kafka_topic_partition_list_destroy(list);
  }

  void handle_events(int timeout_ms) {
    while (auto* event = rd_kafka_queue_poll(events_, timeout_ms)) {
      timeout_ms = 0;
      switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_REBALANCE:
          rebalance(event);
          break;
        case RD_KAFKA_EVENT_OFFSET_COMMIT:
          note_commit(event);
          break;
        default:
          std::cerr << "raw_loop: " << rd_kafka_event_error_string(event) << '\n';
      }
      rd_kafka_event_destroy(event);
    }
  }

  void rebalance(rd_kafka_event_t* event) {
    auto* list = rd_kafka_event_topic_partition_list(event);
    auto assigns = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    for (int i = 0; i < list->cnt; ++i) {
      auto& from = inputs_[list->elems[i].partition];
      from.assigned = assigns;
      if (from.queue != nullptr)
        continue;
      from.queue = take_queue(client_, list->elems[i]);
    }
    check(assigns ? rd_kafka_incremental_assign(client_, list)
                  : rd_kafka_incremental_unassign(client_, list),
          "cannot follow a rebalance");
  }

  void note_commit(rd_kafka_event_t* event) {
    check(rd_kafka_event_error(event), "a commit failed");
    const auto* list = rd_kafka_event_topic_partition_list(event);
    for (int i = 0; i < list->cnt; ++i) {
      auto& from = inputs_[list->elems[i].partition];
      from.committed = std::max(from.committed, list->elems[i].offset);
    }
    figures_.last_commit = steady::now();
  }

  settings settings_;
  copier out_;
  rd_kafka_t* client_ = nullptr;
  rd_kafka_queue_t* events_ = nullptr;
  std::map<int32_t, input> inputs_;
  std::vector<rd_kafka_message_t*> messages_;
  figures figures_;
};

// -- the command line -----------------------------------------------------------------------------

constexpr std::string_view usage
  = "usage: raw_loop --brokers HOST:PORT --topic T --group G [--out T2] [--json]\n"
    "                [--kafka property=value]...\n"
    "Consumes what is in T now with plain librdkafka, commits it, and says how fast that was.\n";

} // namespace

int main(int argc, char** argv) {
  loop consumer{parse(argc, argv, usage)};
  consumer.run();
  consumer.report();
  // The group forgets this member after its session timeout; leaving it costs time that measures
  // nothing.
  std::_Exit(std::fflush(stdout) == 0 ? 0 : 1);
}
