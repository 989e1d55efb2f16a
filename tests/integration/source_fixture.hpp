// An actor system with an event source's settings for tests: short commit intervals, quiet logs,
// and what a test waits for. Outputs are read back by a consumer of their own.
#pragma once

#include "actors/program_config.hpp"
#include "tests/integration/kafka_clients.hpp"

#include <keyloom/keyloom.hpp>

#include <caf/actor_system.hpp>

namespace keyloom::test {

/// CAF's configuration for tests; the source logs errors only unless KEYLOOM_TEST_LOG names another
/// level.
class quiet_config : public actors::program_config {
public:
  quiet_config() {
    const auto* level = std::getenv("KEYLOOM_TEST_LOG");
    set("keyloom.log.level", level != nullptr ? level : "off");
  }
};

class source_fixture {
public:
  explicit source_fixture(test_broker& with) : broker(with) {}

  source_config config(const std::string& topic) const {
    source_config cfg{.group = group, .topic = topic};
    cfg.brokers = broker.address();
    cfg.kafka = {{"fetch.wait.max.ms", "10"},
                 {"session.timeout.ms", "3000"},
                 {"heartbeat.interval.ms", "300"}};
    cfg.commit_interval = std::chrono::milliseconds{20};
    return cfg;
  }

  /// Offsets the group has committed, by partition; -1: none.
  std::vector<int64_t> committed(const std::string& topic) const {
    auto cluster = require_value(kafka::cluster::make(broker.address()));
    std::vector<int64_t> result;
    for (const auto& each : require_value(cluster->group_offsets(group, topic, patience)))
      result.push_back(each.offset);
    return result;
  }

  /// All `count` records of a topic, read back.
  std::vector<record> read_back(const std::string& topic, size_t count) {
    readers.push_back(
      std::make_unique<member>(broker.consumer_config(test_broker::new_name("reader")), topic));
    REQUIRE(readers.back()->receives(count));
    return readers.back()->records();
  }

  test_broker& broker;
  std::string group = test_broker::new_name("group");
  quiet_config quiet;
  caf::actor_system system{quiet};
  std::vector<std::unique_ptr<member>> readers; ///< keep the memory of what was read back
};

/// `count` records over `keys` keys: key "k<n>", value "<number within the key>".
inline std::vector<outgoing_record> keyed(const std::string& topic, int count, int keys) {
  std::vector<outgoing_record> result;
  for (int i = 0; i < count; ++i)
    result.push_back(
      {.topic = topic, .key = "k" + std::to_string(i % keys), .value = std::to_string(i / keys)});
  return result;
}

/// Values by key, in the order read.
inline std::map<std::string, std::vector<std::string>> by_key(const std::vector<record>& records) {
  std::map<std::string, std::vector<std::string>> result;
  for (const auto& rec : records)
    result[std::string{rec.key}].emplace_back(rec.value);
  return result;
}

} // namespace keyloom::test
