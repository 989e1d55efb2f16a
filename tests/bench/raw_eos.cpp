// The fastest correct transactional chain we know how to write with plain librdkafka: the yardstick
// of exactly once (tools/bench.sh). It copies every record to --out; each transaction has the
// records of all partitions that came meanwhile, and their offsets. Two (--producers) transactional
// producers in turn, each with a thread:
//
//   records   of the next transaction go out when those of the one before are acknowledged, so that
//   a
//             key stays in order
//   offsets   in turn: of two commits the one appended last wins
//   commit    in turn
//
// so the records of one overlap with offsets, commit and markers of the one before. A flush comes
// before the offsets (without, the client's own request to add partitions collides with them: 100
// ms). The first thing that goes wrong ends it. The group's metadata is taken when partitions are
// assigned.
//
// Ends when everything that was in the topic at the start is committed, or with --follow at
// SIGTERM. A transaction is handed on when a producer is free and it is --cadence (10) ms old, or
// full.
#include "tests/bench/raw_client.hpp"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <thread>

namespace {

using namespace raw;

constexpr size_t batch_size = 1000;
constexpr size_t most_records = 50'000; // of a transaction: more gain nothing, and are memory
constexpr int call_ms = 30'000;

volatile std::sig_atomic_t stopped = 0;

/// Records, which stay in the client's memory until they are copied, and the offsets behind them.
struct transaction {
  size_t number = 0;
  std::vector<rd_kafka_message_t*> records;
  std::map<int32_t, int64_t> offsets;
  steady::time_point opened = {};
};

/// Lets transactions through one after the other.
class turnstile {
public:
  void wait(size_t number) {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [&] { return next_ == number; });
  }

  void pass() {
    std::lock_guard guard{mutex_};
    ++next_;
    changed_.notify_all();
  }

  size_t passed() {
    std::lock_guard guard{mutex_};
    return next_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = 0;
};

/// What all producers share.
struct shared {
  const settings& cfg;
  rd_kafka_consumer_group_metadata_t* group = nullptr; ///< set before the first transaction
  turnstile records = {};
  turnstile offsets = {};
  turnstile commits = {};
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  check(message->err, "a record was not delivered");
}

// -- a producer and its thread --------------------------------------------------------------------

class producer {
public:
  producer(shared& all, size_t index) : all_(all) {
    auto* conf = make_conf({{"bootstrap.servers", all.cfg.brokers},
                            {"client.id", "raw"},
                            {"transactional.id", all.cfg.group + "-" + std::to_string(index)},
                            {"transaction.timeout.ms", "10000"},
                            {"queue.buffering.max.messages", "1000000"},
                            {"linger.ms", "5"}},
                           {});
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    client_ = make_client(RD_KAFKA_PRODUCER, conf);
    check(rd_kafka_init_transactions(client_, call_ms), "cannot open a transactional id");
    topic_ = rd_kafka_topic_new(client_, all.cfg.out.c_str(), nullptr);
    rooms_.resize(partition_count(client_, topic_, all.cfg));
    thread_ = std::thread{[this] { run(); }};
  }

  producer(const producer&) = delete;
  producer& operator=(const producer&) = delete;

  ~producer() {
    {
      std::lock_guard guard{mutex_};
      ending_ = true;
      changed_.notify_all();
    }
    thread_.join();
    rd_kafka_topic_destroy(topic_);
    rd_kafka_destroy(client_);
  }

  bool is_free() {
    std::lock_guard guard{mutex_};
    return !work_;
  }

  void take(std::unique_ptr<transaction> work) {
    std::lock_guard guard{mutex_};
    work_ = std::move(work);
    changed_.notify_all();
  }

private:
  void run() {
    std::unique_lock guard{mutex_};
    for (;;) {
      changed_.wait(guard, [this] { return ending_ || work_; });
      if (!work_)
        return;
      guard.unlock();
      commit(*work_);
      guard.lock();
      work_.reset();
    }
  }

  void commit(transaction& what) {
    all_.records.wait(what.number);
    check(rd_kafka_begin_transaction(client_), "cannot begin a transaction");
    send(what.records);
    check(rd_kafka_flush(client_, call_ms), "records are not acknowledged");
    all_.records.pass();
    for (auto* each : what.records)
      rd_kafka_message_destroy(each);
    auto* list = rd_kafka_topic_partition_list_new(static_cast<int>(what.offsets.size()));
    for (auto [partition, offset] : what.offsets)
      rd_kafka_topic_partition_list_add(list, all_.cfg.topic.c_str(), partition)->offset = offset;
    all_.offsets.wait(what.number);
    check(rd_kafka_send_offsets_to_transaction(client_, list, all_.group, call_ms),
          "cannot send offsets");
    all_.offsets.pass();
    rd_kafka_topic_partition_list_destroy(list);
    all_.commits.wait(what.number);
    check(rd_kafka_commit_transaction(client_, call_ms), "cannot commit");
    all_.commits.pass();
  }

  // A call for one partition is cheaper than one that lets the client choose for each record, and
  // values need no copy while their messages are kept.
  void send(const std::vector<rd_kafka_message_t*>& records) {
    for (auto& room : rooms_)
      room.clear();
    auto count = static_cast<int32_t>(rooms_.size());
    for (const auto* record : records) {
      auto to = rd_kafka_msg_partitioner_murmur2_random(topic_, record->key, record->key_len, count,
                                                        nullptr, nullptr);
      auto& sent = rooms_[static_cast<size_t>(to)].emplace_back();
      sent.payload = record->payload;
      sent.len = record->len;
      sent.key = record->key;
      sent.key_len = record->key_len;
    }
    for (int32_t to = 0; to < count; ++to)
      send(rooms_[static_cast<size_t>(to)], to);
  }

  void send(std::vector<rd_kafka_message_t>& records, int32_t to) {
    for (size_t sent = 0; sent < records.size();) {
      sent += static_cast<size_t>(rd_kafka_produce_batch(topic_, to, 0, records.data() + sent,
                                                         static_cast<int>(records.size() - sent)));
      if (sent == records.size())
        break;
      if (records[sent].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        check(records[sent].err, "a record was refused");
      rd_kafka_poll(client_, 10);
    }
  }

  shared& all_;
  rd_kafka_t* client_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  std::vector<std::vector<rd_kafka_message_t>> rooms_; ///< by partition
  std::mutex mutex_; ///< guards `work_` while its thread does not work on it, and `ending_`
  std::condition_variable changed_;
  std::unique_ptr<transaction> work_;
  bool ending_ = false;
  std::thread thread_;
};

// -- the consumer ---------------------------------------------------------------------------------

struct input {
  rd_kafka_queue_t* queue = nullptr;
  int64_t end = 0; ///< at the start; 0 when nothing was there
  int64_t position = 0;
};

class loop {
public:
  explicit loop(const settings& cfg)
    : settings_(cfg), cadence_(std::atoi(cfg.cadence.c_str())), all_{settings_},
      client_(make_consumer(cfg, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR)),
      events_(rd_kafka_queue_get_consumer(client_)) {
    for (int i = 0, count = std::stoi(cfg.producers); i < count; ++i)
      producers_.push_back(std::make_unique<producer>(all_, static_cast<size_t>(i)));
  }

  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  ~loop() = default; // not run: main ends the process

  void run() {
    auto ends = find_ends(client_, settings_);
    for (size_t i = 0; i < ends.size(); ++i)
      inputs_[static_cast<int32_t>(i)].end = ends[i].low == ends[i].high ? 0 : ends[i].high;
    subscribe(client_, settings_.topic);
    while (settings_.follow ? stopped == 0 : !everything_read()) {
      auto taken = next_->records.size() < most_records ? take_all() : 0;
      hand_on(false);
      handle_events(taken == 0 ? 1 : 0);
    }
    while (!next_->offsets.empty()) {
      hand_on(true);
      handle_events(1);
    }
    all_.commits.wait(count_);
    figures_.last_commit = steady::now();
    figures_.commits = count_;
  }

  void report() const { raw::report(figures_, settings_.json); }

private:
  bool everything_read() const {
    return std::all_of(inputs_.begin(), inputs_.end(),
                       [](const auto& x) { return x.second.position >= x.second.end; });
  }

  size_t take_all() {
    size_t taken = 0;
    for (auto& [partition, from] : inputs_)
      if (from.queue != nullptr)
        taken += take(partition, from);
    return taken;
  }

  size_t take(int32_t partition, input& from) {
    auto got = rd_kafka_consume_batch_queue(from.queue, 0, room_.data(), batch_size);
    for (ssize_t i = 0; i < got; ++i) {
      auto* message = room_[static_cast<size_t>(i)];
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
          check(message->err, "cannot read");
        from.position = std::max(from.position, message->offset);
        rd_kafka_message_destroy(message);
        continue;
      }
      if (figures_.records++ == 0)
        figures_.first_record = steady::now();
      if (next_->records.empty())
        next_->opened = steady::now();
      from.position = message->offset + 1;
      next_->offsets[partition] = from.position;
      next_->records.push_back(message);
    }
    return got < 0 ? 0 : static_cast<size_t>(got);
  }

  void hand_on(bool at_once) {
    auto due = at_once || next_->records.size() >= most_records
               || steady::now() - next_->opened >= cadence_;
    auto& turn = *producers_[count_ % producers_.size()];
    if (next_->offsets.empty() || !due || !turn.is_free())
      return;
    next_->number = count_++;
    turn.take(std::exchange(next_, std::make_unique<transaction>()));
  }

  void handle_events(int timeout_ms) {
    while (auto* event = rd_kafka_queue_poll(events_, timeout_ms)) {
      timeout_ms = 0;
      if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
        rebalance(event);
      else
        std::cerr << "raw_eos: " << rd_kafka_event_error_string(event) << '\n';
      rd_kafka_event_destroy(event);
    }
  }

  void rebalance(rd_kafka_event_t* event) {
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
      die(1, "partitions were taken away: this program is to be alone in its group");
    auto* list = rd_kafka_event_topic_partition_list(event);
    for (int i = 0; i < list->cnt; ++i)
      inputs_[list->elems[i].partition].queue = take_queue(client_, list->elems[i]);
    check(rd_kafka_incremental_assign(client_, list), "cannot follow a rebalance");
    if (all_.group == nullptr)
      all_.group = rd_kafka_consumer_group_metadata(client_);
  }

  settings settings_;
  std::chrono::milliseconds cadence_;
  shared all_;
  rd_kafka_t* client_;
  rd_kafka_queue_t* events_;
  std::map<int32_t, input> inputs_;
  std::array<rd_kafka_message_t*, batch_size> room_{};
  std::vector<std::unique_ptr<producer>> producers_;
  std::unique_ptr<transaction> next_ = std::make_unique<transaction>();
  size_t count_ = 0;
  figures figures_;
};

constexpr std::string_view usage = "usage: raw_eos --brokers HOST:PORT --topic T --group G --out "
                                   "T2 [--producers 1..3] [--follow]\n"
                                   "               [--cadence MS] [--json] [--kafka "
                                   "property=value]...\n"
                                   "Copies what is in T now, exactly once, with plain librdkafka, "
                                   "and says how fast that was. With\n"
                                   "--follow it goes on until SIGTERM.\n";

} // namespace

int main(int argc, char** argv) {
  auto cfg = parse(argc, argv, usage);
  if (cfg.cadence.empty() || cfg.cadence.find_first_not_of("0123456789") != std::string::npos)
    die(2, "--cadence takes milliseconds, not " + cfg.cadence);
  if (cfg.out.empty() || cfg.producers.size() != 1 || cfg.producers < "1" || cfg.producers > "3")
    die(2, "--out is needed, and --producers takes 1 to 3\n" + std::string{usage});
  if (cfg.follow)
    for (auto signal : {SIGINT, SIGTERM})
      std::signal(signal, [](int) { stopped = 1; });
  loop chain{cfg};
  chain.run();
  chain.report();
  // The process ends without leaving the group, as raw_loop does; nothing is destroyed.
  std::_Exit(std::fflush(stdout) == 0 ? 0 : 1);
}
