// What an administrator does to topics while others use them. Real brokers only.
#pragma once

#include "runtime/kafka/conf.hpp"
#include "runtime/kafka/handles.hpp"
#include "tests/integration/broker_fixture.hpp"

namespace keyloom::test {

class topic_admin {
public:
  explicit topic_admin(const test_broker& broker)
    : client_(require_value(kafka::make_client(
      RD_KAFKA_PRODUCER,
      require_value(kafka::make_conf({{"bootstrap.servers", broker.address()}}, {}, {}))))),
      answers_(rd_kafka_queue_new(client_.get())) {}

  void remove(const std::string& topic) {
    auto* asked = rd_kafka_DeleteTopic_new(topic.c_str());
    rd_kafka_DeleteTopics(client_.get(), &asked, 1, nullptr, answers_.get());
    rd_kafka_DeleteTopic_destroy(asked);
    wait();
  }

  void raise_partitions(const std::string& topic, size_t count) {
    std::array<char, 512> reason{};
    auto* asked = rd_kafka_NewPartitions_new(topic.c_str(), count, reason.data(), reason.size());
    INFO(reason.data());
    REQUIRE(asked != nullptr);
    rd_kafka_CreatePartitions(client_.get(), &asked, 1, nullptr, answers_.get());
    rd_kafka_NewPartitions_destroy(asked);
    wait();
  }

private:
  void wait() {
    kafka::event_handle answer{rd_kafka_queue_poll(
      answers_.get(), static_cast<int>(std::chrono::milliseconds{patience}.count()))};
    REQUIRE(answer);
    INFO(rd_kafka_event_error_string(answer.get()));
    REQUIRE(rd_kafka_event_error(answer.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  kafka::client_handle client_;
  kafka::queue_handle answers_;
};

} // namespace keyloom::test
