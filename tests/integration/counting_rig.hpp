// Sources under exactly once that count the records of each key in their store and forward each
// count, and readers of what became of it: without a hole and a repeat the counts of a key are
// 1, 2, 3, ... Real brokers only.
#pragma once

#include "tests/integration/source_fixture.hpp"

#include <keyloom/store/hash_map_store.hpp>

namespace keyloom::test {

using counts = hash_map_store<std::string, int64_t>;
using counting_source = event_source<counts>;

/// Counts the key, and forwards the count to the partition of `out` that the record came from.
inline outcome count_up(context<counts>& ctx, const std::string& key, const std::string& out) {
  const auto* before = ctx.store().find(key);
  auto now = (before != nullptr ? *before : 0) + 1;
  ctx.record_change(ctx.store().set(key, now));
  ctx.forward(
    {.topic = out, .key = key, .value = std::to_string(now), .partition = ctx.partition()});
  return complete;
}

/// What a read_committed reader found.
struct found_record {
  int32_t partition = 0;
  int64_t offset = 0;
  std::string key;
  std::string value;
};

struct counting_rig {
  explicit counting_rig(test_broker& broker, int32_t partition_count = 2)
    : with(broker), partitions(partition_count), in(broker.new_topic(partition_count)),
      out(broker.new_topic(partition_count)), changes(test_broker::new_name("changes")),
      asks(require_value(kafka::cluster::make(broker.address()))) {}

  source_config config() const {
    auto cfg = with.config(in);
    cfg.exactly_once = true;
    cfg.change_log = changes;
    return cfg;
  }

  /// Not started; its handler is `count_up`.
  std::unique_ptr<counting_source> source(source_config cfg) {
    auto result = bare_source(std::move(cfg));
    result->on_default([to = out](context<counts>& ctx, const record& rec) {
      return count_up(ctx, std::string{rec.key}, to);
    });
    return result;
  }

  /// Without a handler.
  std::unique_ptr<counting_source> bare_source(source_config cfg) {
    return std::make_unique<counting_source>(with.system, std::move(cfg), [] { return counts{}; });
  }

  /// `each` records for each of `keys` keys in each partition: key "<partition>-<n>".
  void send_round(int each = 1, int keys = 5) {
    std::vector<outgoing_record> records;
    for (int i = 0; i < each; ++i)
      for (int32_t p = 0; p < partitions; ++p)
        for (int k = 0; k < keys; ++k)
          records.push_back({.topic = in,
                             .key = std::to_string(p) + "-" + std::to_string(k),
                             .value = "v",
                             .partition = p});
    send(with.broker, records);
    sent += static_cast<int64_t>(each) * keys; // in each partition
  }

  /// Waits until the group has committed everything that was sent by `send_round`.
  bool all_committed(std::chrono::milliseconds limit = patience) {
    return eventually(
      [this] {
        std::this_thread::yield();
        return with.committed(in) == std::vector<int64_t>(static_cast<size_t>(partitions), sent);
      },
      limit);
  }

  int64_t committed_records() const {
    int64_t result = 0;
    for (auto each : with.committed(in))
      result += std::max<int64_t>(each, 0);
    return result;
  }

  /// What a read_committed reader finds in all partitions of a topic, up to their ends.
  std::vector<found_record> read_committed(const std::string& topic) {
    auto cfg = with.broker.consumer_config("keyloom-test-reads");
    cfg.kafka["isolation.level"] = "read_committed";
    auto reads = require_value(kafka::consumer::make(std::move(cfg)));
    std::vector<kafka::topic_partition> names;
    std::vector<kafka::partition_offset> starts;
    auto all = require_value(asks->partition_count(topic, patience));
    for (int32_t p = 0; p < all; ++p) {
      names.push_back({topic, p});
      starts.push_back({{topic, p}, -1});
    }
    auto ends = require_value(asks->log_ends(names, patience));
    require_ok(reads->assign(starts));
    std::vector<found_record> result;
    for (auto& where : names) {
      auto position = ends[where].low;
      REQUIRE(eventually([&] {
        while (auto batch = reads->drain(where, 1000, 1 << 20)) {
          position = batch->next_offset();
          for (const auto& rec : batch->records())
            result.push_back({where.partition, rec.offset, std::string{rec.key}, text_of(rec)});
        }
        if (position < ends[where].high)
          static_cast<void>(reads->next_event(std::chrono::milliseconds{5}));
        return position >= ends[where].high;
      }));
    }
    return result;
  }

  static std::string text_of(const record& rec) { return std::string{rec.value}; }

  /// The values of each key, in their order.
  static std::map<std::string, std::vector<std::string>>
  values_by_key(const std::vector<found_record>& records) {
    std::map<std::string, std::vector<std::string>> result;
    for (auto& each : records)
      result[each.key].push_back(each.value);
    return result;
  }

  /// I7: each key has the counts 1..n, n being what was sent of it.
  void check_counts(int keys = 5) {
    auto found = values_by_key(read_committed(out));
    CHECK(found.size() == static_cast<size_t>(keys * partitions));
    for (auto& [key, values] : found) {
      INFO("key " << key);
      CHECK(values == numbers(sent / keys));
    }
    check_change_log(found);
  }

  /// The last entry of each key in the change log is its last count.
  void check_change_log(const std::map<std::string, std::vector<std::string>>& outputs) {
    auto entries = values_by_key(read_committed(changes));
    CHECK(entries.size() == outputs.size());
    for (auto& [key, values] : outputs) {
      INFO("key " << key);
      REQUIRE(entries.count(key) == 1);
      CHECK(entries[key].back() == values.back());
    }
  }

  /// "1" to "n".
  static std::vector<std::string> numbers(int64_t n) {
    std::vector<std::string> result;
    for (int64_t i = 1; i <= n; ++i)
      result.push_back(std::to_string(i));
    return result;
  }

  source_fixture with;
  int32_t partitions;
  std::string in;
  std::string out;
  std::string changes;
  std::unique_ptr<kafka::cluster> asks;
  int64_t sent = 0; ///< in each partition
};

/// Waits until so many partitions are active.
template <class Source>
bool has_active(const Source& source, size_t count) {
  return eventually([&] {
    std::this_thread::yield();
    auto state = source.state();
    return static_cast<size_t>(
             std::count_if(state.partitions.begin(), state.partitions.end(),
                           [](auto& each) { return each.lifecycle == lifecycle::active; }))
           == count;
  });
}

/// Waits until the source has an error, and returns all of them.
template <class Source>
std::string first_error(const Source& source) {
  std::string result;
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    for (auto& each : source.state().errors)
      result += each + "\n";
    return !result.empty();
  }));
  return result;
}

} // namespace keyloom::test
