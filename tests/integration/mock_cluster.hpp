// An embedded broker whose answers a test can bend, for what a broker does only when things go
// wrong. Made of the same mock cluster as keyloom's embedded_broker, which shows none of this.
#pragma once

#include "runtime/kafka/conf.hpp"
#include "runtime/kafka/handles.hpp"
#include "tests/integration/broker_fixture.hpp"

namespace keyloom::test {

class mock_cluster {
public:
  explicit mock_cluster(int brokers = 1) {
    auto conf = require_value(kafka::make_conf({}, {}, {}));
    rd_kafka_conf_set_log_cb(conf.get(), nullptr);
    client_ = require_value(kafka::make_client(RD_KAFKA_PRODUCER, std::move(conf)));
    cluster_.reset(rd_kafka_mock_cluster_new(client_.get(), brokers));
    REQUIRE(cluster_);
    rd_kafka_mock_group_initial_rebalance_delay_ms(cluster_.get(), 0);
  }

  std::string address() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }

  void create_topic(const std::string& name, int32_t partitions) {
    REQUIRE(rd_kafka_mock_topic_create(cluster_.get(), name.c_str(), partitions, 1)
            == RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  /// The next heartbeat learns that its member is not in the group any more: the session expired,
  /// and everything the member owned is lost.
  void expire_session() { refuse_next(request::heartbeat, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID); }

  /// Kafka's numbers of requests.
  enum class request : int16_t {
    produce = 0,
    fetch = 1,
    commit = 8,
    join = 11,
    heartbeat = 12,
    producer_id = 22
  };

  /// The next request of this kind gets this answer.
  void refuse_next(request which, rd_kafka_resp_err_t answer) {
    rd_kafka_mock_push_request_errors(cluster_.get(), static_cast<int16_t>(which), 1, answer);
  }

  /// The next `count` requests of this kind are answered only after `delay`.
  void delay_requests(request which, int count, std::chrono::milliseconds delay) {
    for (int i = 0; i < count; ++i)
      REQUIRE(rd_kafka_mock_broker_push_request_error_rtts(cluster_.get(), 1,
                                                           static_cast<int16_t>(which), 1,
                                                           RD_KAFKA_RESP_ERR_NO_ERROR,
                                                           static_cast<int>(delay.count()))
              == RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  /// From now on this broker, 1 or higher, is the group's coordinator.
  void move_coordinator(const std::string& group, int32_t broker) {
    REQUIRE(rd_kafka_mock_coordinator_set(cluster_.get(), "group", group.c_str(), broker)
            == RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  /// The next fetches learn that their offset is outside of what the partition holds. Two, as the
  /// client says of the first response at the end of a partition that this is the end, whatever
  /// error it brings.
  void put_fetch_out_of_range() {
    constexpr int16_t fetch = 1; // Kafka's number of this request
    rd_kafka_mock_push_request_errors(cluster_.get(), fetch, 2,
                                      RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
                                      RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
  }

  /// The next commits are refused for the size of their metadata.
  void refuse_metadata(size_t commits) {
    constexpr int16_t offset_commit = 8; // Kafka's number of this request
    for (; commits > 0; --commits)
      rd_kafka_mock_push_request_errors(cluster_.get(), offset_commit, 1,
                                        RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE);
  }

private:
  kafka::client_handle client_;
  kafka::mock_cluster_handle cluster_;
};

} // namespace keyloom::test
