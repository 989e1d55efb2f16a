// The position behind control records, which no record shows. Transactions are a real broker's.
#include "tests/integration/kafka_clients.hpp"

#include <librdkafka/rdkafka.h>

using namespace keyloom;
using namespace keyloom::test;

namespace {

// keyloom has no transactional producer, so this speaks to the client itself.
class transactional_producer {
public:
  explicit transactional_producer(const std::string& brokers) {
    char reason[512];
    auto* conf = rd_kafka_conf_new();
    auto set = [&](const char* name, const std::string& value) {
      INFO(reason);
      REQUIRE(rd_kafka_conf_set(conf, name, value.c_str(), reason, sizeof reason)
              == RD_KAFKA_CONF_OK);
    };
    set("bootstrap.servers", brokers);
    set("transactional.id", test_broker::new_name("transaction"));
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    REQUIRE(client_ != nullptr);
    require_done(rd_kafka_init_transactions(client_, 30'000));
  }

  ~transactional_producer() { rd_kafka_destroy(client_); }
  transactional_producer(const transactional_producer&) = delete;
  transactional_producer& operator=(const transactional_producer&) = delete;

  void send(const std::string& topic, const std::string& value, bool commit) {
    require_done(rd_kafka_begin_transaction(client_));
    REQUIRE(rd_kafka_producev(client_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0),
                              RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END)
            == RD_KAFKA_RESP_ERR_NO_ERROR);
    REQUIRE(rd_kafka_flush(client_, 30'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    require_done(commit ? rd_kafka_commit_transaction(client_, 30'000)
                        : rd_kafka_abort_transaction(client_, 30'000));
  }

private:
  static void require_done(rd_kafka_error_t* err) {
    std::string text = err == nullptr ? "" : rd_kafka_error_string(err);
    if (err != nullptr)
      rd_kafka_error_destroy(err);
    REQUIRE(text.empty());
  }

  rd_kafka_t* client_ = nullptr;
};

/// Polls until the position behind all that was drained is `expected`.
bool position_becomes(member& reader, int64_t expected) {
  return eventually([&] {
    reader.poll();
    return !reader.batches.empty() && reader.batches.back()->next_offset() == expected;
  });
}

} // namespace

TEST_CASE("the position moves on over control records, with a batch without records if need be") {
  on_real_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    transactional_producer producer{broker.address()};
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    REQUIRE(reader.owns(1));
    producer.send(topic, "one", true); // 0, marker 1
    REQUIRE(position_becomes(reader, 2));
    producer.send(topic, "two", true); // 2, marker 3
    REQUIRE(position_becomes(reader, 4));
    CHECK(values_of(reader.records()) == std::vector<std::string>{"one", "two"});
    producer.send(topic, "aborted", false); // 4, marker 5
    REQUIRE(position_becomes(reader, 6));
    CHECK(values_of(reader.records()) == std::vector<std::string>{"one", "two"});
    CHECK(reader.batches.back()->empty());
    send(broker, {{.topic = topic, .value = "plain", .partition = 0}});
    REQUIRE(position_becomes(reader, 7));
    CHECK(reader.records().back().offset == 6);
  });
}

TEST_CASE("reading from within control records starts behind them") {
  on_real_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    transactional_producer producer{broker.address()};
    producer.send(topic, "one", true);
    producer.send(topic, "two", true);
    member reader{broker.consumer_config(test_broker::new_name("group"))};
    reader.start_at[{topic, 0}] = 1;
    require_ok(reader.consumer->subscribe({topic}));
    REQUIRE(position_becomes(reader, 4));
    CHECK(values_of(reader.records()) == std::vector<std::string>{"two"});
  });
}

TEST_CASE("the end of a partition alone gives no batch again and again") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 3));
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    REQUIRE(reader.receives(3));
    auto batches = reader.batches.size();
    CHECK(reader.batches.back()->next_offset() == 3);
    for (int i = 0; i < 20; ++i)
      reader.poll();
    CHECK(reader.batches.size() == batches);
  });
}
