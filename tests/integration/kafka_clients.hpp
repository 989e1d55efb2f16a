// Clients as tests use them: `sender` sends and waits for the acknowledgement, `member` is a
// consumer that answers its group, drains what it owns and remembers everything that came out.
#pragma once

#include "runtime/kafka/consumer.hpp"
#include "runtime/kafka/producer.hpp"
#include "tests/integration/broker_fixture.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace keyloom::test {

/// Remembers every delivery report.
class report_book : public kafka::producer::report_port {
public:
  struct entry {
    void* token;
    caf::error refused;
  };

  void delivered(void* token, const caf::error& refused) override {
    std::lock_guard guard{mutex_};
    entries_.push_back({token, refused});
  }

  void reports_drained() override {
    std::lock_guard guard{mutex_};
    passed_on_ = entries_.size();
  }

  std::vector<entry> entries() const {
    std::lock_guard guard{mutex_};
    return entries_;
  }

  /// How many of them came before the last `reports_drained`.
  size_t passed_on() const {
    std::lock_guard guard{mutex_};
    return passed_on_;
  }

private:
  mutable std::mutex mutex_;
  std::vector<entry> entries_;
  size_t passed_on_ = 0;
};

/// Sends records and requires that the broker takes them.
inline void send(const test_broker& broker, const std::vector<outgoing_record>& records) {
  report_book reports;
  auto producer = require_value(
    kafka::producer::make({.brokers = broker.address(), .kafka = {}, .log = {}}, reports));
  for (const auto& rec : records) {
    auto result = producer->produce(rec, nullptr);
    INFO(describe(result.reason));
    REQUIRE(result.what == kafka::producer::verdict::accepted);
  }
  REQUIRE(producer->flush(patience));
  for (const auto& entry : reports.entries())
    require_ok(entry.refused);
}

/// `count` records "k0" = "v0", "k1" = "v1", ... for one partition.
inline std::vector<outgoing_record> numbered(const std::string& topic, int32_t partition,
                                             int count) {
  std::vector<outgoing_record> result;
  result.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i)
    result.push_back({.topic = topic,
                      .key = "k" + std::to_string(i),
                      .value = "v" + std::to_string(i),
                      .partition = partition});
  return result;
}

/// A consumer that answers its group as a runtime would.
class member {
public:
  explicit member(kafka::consumer::config cfg)
    : consumer(require_value(kafka::consumer::make(std::move(cfg)))) {}

  member(kafka::consumer::config cfg, const std::string& topic) : member(std::move(cfg)) {
    require_ok(consumer->subscribe({topic}));
  }

  /// Takes one event if there is one within `wait`, answers it, then drains every owned partition.
  void poll(std::chrono::milliseconds wait = std::chrono::milliseconds{20}) {
    take_event(wait);
    for (const auto& where : owned)
      if (!undrained.contains(where))
        while (auto batch = consumer->drain(where, 500, 1 << 20))
          batches.push_back(std::move(batch));
  }

  /// Takes and answers one event, draining nothing.
  void take_event(std::chrono::milliseconds wait = std::chrono::milliseconds{20}) {
    auto event = consumer->next_event(wait);
    if (!event)
      return;
    if (auto* given = std::get_if<kafka::partitions_assigned>(&*event))
      accept(*given);
    else if (auto* taken = std::get_if<kafka::partitions_revoked>(&*event))
      give_back(*taken);
    events.push_back(std::move(*event));
  }

  /// Polls until it owns `count` partitions.
  bool owns(size_t count) {
    return eventually([&] {
      poll();
      return owned.size() == count;
    });
  }

  /// Polls until `count` records came.
  bool receives(size_t count) {
    return eventually([&] {
      poll();
      return records().size() >= count;
    });
  }

  /// Polls until an event of type T that was not waited for yet came; null when none did.
  template <class T>
  const T* receives_event() {
    const T* found = nullptr;
    eventually([&] {
      for (; seen < events.size() && found == nullptr; ++seen)
        found = std::get_if<T>(&events[seen]);
      if (found == nullptr)
        poll();
      return found != nullptr;
    });
    return found;
  }

  std::vector<record> records() const {
    std::vector<record> result;
    for (const auto& batch : batches)
      result.insert(result.end(), batch->records().begin(), batch->records().end());
    return result;
  }

  std::unique_ptr<kafka::consumer> consumer;
  std::map<kafka::topic_partition, int64_t> start_at; ///< otherwise at the earliest record
  std::set<kafka::topic_partition> undrained;         ///< leave these alone
  std::set<kafka::topic_partition> owned;
  std::vector<core::record_batch_ptr> batches;
  std::vector<kafka::consumer_event> events;
  size_t seen = 0;

private:
  void accept(const kafka::partitions_assigned& given) {
    std::vector<kafka::partition_offset> start;
    for (const auto& where : given.partitions) {
      auto i = start_at.find(where);
      start.push_back({where, i == start_at.end() ? -1 : i->second});
      owned.insert(where);
    }
    require_ok(consumer->assign(start));
  }

  void give_back(const kafka::partitions_revoked& taken) {
    for (const auto& where : taken.partitions)
      owned.erase(where);
    require_ok(consumer->unassign(taken.partitions));
  }
};

/// Values in the order they were read.
inline std::vector<std::string> values_of(const std::vector<record>& records) {
  std::vector<std::string> result;
  result.reserve(records.size());
  for (const auto& rec : records)
    result.emplace_back(rec.value);
  return result;
}

} // namespace keyloom::test
