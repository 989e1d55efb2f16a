// What tests of transactions have in common: a watch that remembers what a chain said, transactions
// to submit, and readers of what became of them. Real brokers only.
#pragma once

#include "runtime/kafka/transaction_chain.hpp"
#include "runtime/kafka/transactional_producer.hpp"
#include "tests/integration/kafka_clients.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace keyloom::test {

using chain = kafka::transaction_chain;

/// Where chains log: to stderr when KEYLOOM_TEST_LOG is set.
inline std::function<void(int, const std::string&)> chain_log() {
  if (std::getenv("KEYLOOM_TEST_LOG") == nullptr)
    return {};
  return [](int level, const std::string& text) {
    std::fprintf(stderr, "%d %s\n", level, text.c_str());
  };
}

/// Remembers what the chain said. The chain's threads write, the test's thread reads.
class chain_watch : public chain::progress_port {
public:
  void acknowledged(chain::number which) override {
    if (hold)
      hold(which);
    note([&] { acknowledged_.push_back(which); });
  }
  void committed(chain::number which) override {
    if (when_committed)
      when_committed(which);
    note([&] { committed_.push_back(which); });
  }
  void aborted(const chain::aborted_transactions& which) override {
    note([&] { aborted_.push_back(which); });
  }
  void failed(const caf::error& reason) override {
    note([&] { failed_ = reason; });
  }

  /// Waits until the transaction is committed; stops when something else needs an answer.
  bool commits(chain::number which) {
    return waits([&] { return !committed_.empty() && committed_.back() >= which; });
  }

  /// The next `aborted` that was not asked for yet.
  std::optional<chain::aborted_transactions> aborts(std::chrono::milliseconds limit = patience) {
    std::unique_lock guard{mutex_};
    if (!changed_.wait_for(guard, limit, [&] { return aborted_.size() > asked_; }))
      return std::nullopt;
    return aborted_[asked_++];
  }

  bool fails() {
    return waits([&] { return static_cast<bool>(failed_); });
  }

  caf::error failure() {
    std::lock_guard guard{mutex_};
    return failed_;
  }

  std::vector<chain::number> committed_ones() {
    std::lock_guard guard{mutex_};
    return committed_;
  }

  /// Called first when records are acknowledged; may hold up the chain.
  std::function<void(chain::number)> hold;

  /// Called first when one is committed, before the next one's commit is begun.
  std::function<void(chain::number)> when_committed;

private:
  template <class Function>
  void note(Function f) {
    std::lock_guard guard{mutex_};
    f();
    changed_.notify_all();
  }

  template <class Predicate>
  bool waits(Predicate p) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, patience, p);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<chain::number> acknowledged_;
  std::vector<chain::number> committed_;
  std::vector<chain::aborted_transactions> aborted_;
  size_t asked_ = 0;
  caf::error failed_;
};

/// A source topic with a group that reads it, and a topic for outputs.
struct transaction_rig {
  explicit transaction_rig(test_broker& at, int32_t partitions = 1)
    : broker(at), topic(at.new_topic(partitions)), out(at.new_topic(partitions)),
      group(test_broker::new_name("group")), prefix(test_broker::new_name("seat")),
      reader(at.consumer_config(group), topic),
      asks(require_value(kafka::cluster::make(at.address()))) {
    REQUIRE(reader.owns(static_cast<size_t>(partitions)));
    REQUIRE(joined());
  }

  /// Waits until the group has let the reader in.
  bool joined() {
    return eventually([this] {
      reader.poll();
      membership = reader.consumer->membership(epoch);
      return static_cast<bool>(membership);
    });
  }

  /// Answers the group, and takes the membership that results.
  void regroup() {
    reader.poll();
    membership = reader.consumer->membership(++epoch);
  }

  chain::config config() const {
    return {.brokers = broker.address(), .group = group, .id_prefix = prefix, .log = chain_log()};
  }

  kafka::transactional_producer::config producer_config(const std::string& id) const {
    return {.brokers = broker.address(), .id = id, .log = {}};
  }

  /// One part: values that are its content, the offset, and metadata with a counter.
  kafka::transaction_part part(const std::vector<std::string>& values, int64_t offset,
                               int32_t partition = 0) {
    auto content = std::make_shared<std::vector<std::string>>(values);
    kafka::transaction_part result{
      .commit = {{topic, partition}, offset, "counter " + std::to_string(++counter)}};
    for (auto& value : *content)
      result.records.push_back(
        {.topic = out, .key = "key", .value = value, .partition = partition});
    result.content = content;
    return result;
  }

  kafka::transaction with(std::vector<kafka::transaction_part> parts) const {
    return {membership, std::move(parts)};
  }

  /// What a read_committed reader finds in a partition, up to its end.
  std::vector<std::string> committed_values(int32_t partition = 0) {
    auto end = require_value(asks->log_ends({{out, partition}}, patience))[{out, partition}].high;
    std::vector<std::string> result;
    REQUIRE(reads_until(partition, result, [&](int64_t position) { return position >= end; }));
    return result;
  }

  /// Whether a read_committed reader finds so many at once.
  bool visible_values(size_t count, int32_t partition = 0) {
    std::vector<std::string> result;
    return reads_until(
      partition, result, [&](int64_t) { return result.size() >= count; },
      std::chrono::milliseconds{500});
  }

  /// What the group has committed of a partition; none while a transaction is pending.
  std::optional<kafka::partition_offset> committed_offset(int32_t partition = 0) {
    auto found = require_value(asks->stable_offsets(group, {{topic, partition}}, patience));
    if (found.empty())
      return std::nullopt;
    return found.front();
  }

  template <class Predicate>
  bool reads_until(int32_t partition, std::vector<std::string>& into, Predicate enough,
                   std::chrono::milliseconds limit = patience) const {
    kafka::topic_partition where{out, partition};
    auto config = broker.consumer_config("keyloom-test-reads");
    config.kafka["isolation.level"] = "read_committed";
    auto reads = require_value(kafka::consumer::make(std::move(config)));
    require_ok(reads->assign({{where, -1}}));
    int64_t position = 0;
    return eventually(
      [&] {
        static_cast<void>(reads->next_event(std::chrono::milliseconds{5}));
        while (auto batch = reads->drain(where, 1000, 1 << 20)) {
          position = batch->next_offset();
          for (const auto& rec : batch->records())
            into.emplace_back(rec.value);
        }
        return enough(position);
      },
      limit);
  }

  test_broker& broker;
  std::string topic;
  std::string out;
  std::string group;
  std::string prefix;
  member reader;
  std::unique_ptr<kafka::cluster> asks;
  uint64_t epoch = 1;
  kafka::group_metadata membership;
  int counter = 0;
  bool holding = false; ///< a test holds the chain up once
};

inline bool all_ours(const kafka::topic_partition&) {
  return true;
}

} // namespace keyloom::test
