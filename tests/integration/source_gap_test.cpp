// Where records may be missing: the committed offset is outside of what the topic holds, of a topic
// that was deleted, or gone. The policy on_gap decides, never the client in silence.
#include "runtime/core/completion_map.hpp"
#include "runtime/kafka/handles.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <mutex>

using namespace keyloom;
using namespace keyloom::test;
using Catch::Matchers::Contains;

namespace {

using values = std::vector<std::string>;

values numbers(int from, int to) {
  values result;
  for (; from < to; ++from)
    result.push_back("v" + std::to_string(from));
  return result;
}

/// What deletes things on a real broker. keyloom itself never does.
class destroyer {
public:
  explicit destroyer(const std::string& brokers) {
    auto* conf = rd_kafka_conf_new();
    char reason[512];
    REQUIRE(rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), reason, sizeof reason)
            == RD_KAFKA_CONF_OK);
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason));
    REQUIRE(client_);
    answers_.reset(rd_kafka_queue_new(client_.get()));
  }

  void delete_records_before(const std::string& topic, int32_t partition, int64_t offset) {
    kafka::partitions_handle list{rd_kafka_topic_partition_list_new(1)};
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
    auto* request = rd_kafka_DeleteRecords_new(list.get());
    rd_kafka_DeleteRecords(client_.get(), &request, 1, nullptr, answers_.get());
    wait();
    rd_kafka_DeleteRecords_destroy(request);
  }

  void delete_topic(const std::string& topic) {
    auto* request = rd_kafka_DeleteTopic_new(topic.c_str());
    rd_kafka_DeleteTopics(client_.get(), &request, 1, nullptr, answers_.get());
    wait();
    rd_kafka_DeleteTopic_destroy(request);
  }

  void delete_offset(const std::string& group, const std::string& topic, int32_t partition) {
    kafka::partitions_handle list{rd_kafka_topic_partition_list_new(1)};
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    auto* request = rd_kafka_DeleteConsumerGroupOffsets_new(group.c_str(), list.get());
    rd_kafka_DeleteConsumerGroupOffsets(client_.get(), &request, 1, nullptr, answers_.get());
    wait();
    rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
  }

private:
  void wait() {
    kafka::event_handle answer{rd_kafka_queue_poll(answers_.get(), 30'000)};
    REQUIRE(answer);
    INFO(rd_kafka_event_error_string(answer.get()));
    REQUIRE(rd_kafka_event_error(answer.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  kafka::client_handle client_;
  kafka::queue_handle answers_;
};

/// Commits as an administrator does, or an owner of long ago.
void commit(test_broker& broker, const std::string& group, const std::string& topic, int64_t offset,
            const std::string& metadata = {}) {
  member other{broker.consumer_config(group), topic};
  REQUIRE(other.owns(1));
  require_ok(other.consumer->commit_async({{{topic, 0}, offset, metadata}}));
  auto* answer = other.receives_event<kafka::offsets_committed>();
  REQUIRE(answer != nullptr);
  require_ok(answer->error);
}

/// A source that notes the values its handler gets.
struct noting_source {
  noting_source(source_fixture& with, const std::string& topic, gap_action on_gap)
    : source(with.system, config(with, topic, on_gap)) {
    source.on_default([this](context<>&, const record& rec) {
      std::lock_guard guard{mutex};
      seen.emplace_back(rec.value);
      return complete;
    });
  }

  static source_config config(source_fixture& with, const std::string& topic, gap_action on_gap) {
    auto cfg = with.config(topic);
    cfg.on_gap = on_gap;
    return cfg;
  }

  bool reads(size_t count) {
    return eventually([&] { return source.state().out == count; });
  }

  bool stops() {
    return eventually([&] { return !source.state().errors.empty(); });
  }

  values handled() {
    std::lock_guard guard{mutex};
    auto result = seen;
    std::sort(result.begin(), result.end());
    return result;
  }

  std::mutex mutex;
  values seen; // guarded by mutex
  event_source<> source;
};

/// With the policy to stop: it does, and says `why`. With the policy to go on: it reads `expected`.
void check_both(source_fixture& with, const std::string& topic, const std::string& why,
                const values& expected) {
  auto before = with.committed(topic);
  {
    noting_source stopping{with, topic, gap_action::stop_partition};
    require_ok(stopping.source.start());
    REQUIRE(stopping.stops());
    auto state = stopping.source.state();
    CHECK_THAT(state.errors.front(), Contains(why) && Contains(topic + "/0") && Contains("on-gap"));
    CHECK(state.partitions.at(0).lifecycle == lifecycle::stopped);
    stopping.source.stop();
    CHECK(stopping.handled().empty());
    CHECK(with.committed(topic)[0] == before[0]);
  }
  noting_source going_on{with, topic, gap_action::go_on};
  require_ok(going_on.source.start());
  CHECK(going_on.reads(expected.size()));
  CHECK(going_on.handled() == expected);
  going_on.source.stop();
  CHECK(going_on.source.state().errors.empty());
}

} // namespace

TEST_CASE("a committed offset behind the topic's end goes to the policy on_gap") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 3));
    commit(broker, with.group, topic, 1000);
    check_both(with, topic, "behind the topic's end 3", numbers(0, 3));
    CHECK(with.committed(topic) == std::vector<int64_t>{3});
  });
}

TEST_CASE("retention past the committed offset goes to the policy on_gap") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 5));
    commit(broker, with.group, topic, 1);
    destroyer{broker.address()}.delete_records_before(topic, 0, 3);
    check_both(with, topic, "before the topic's begin 3", numbers(3, 5));
    CHECK(with.committed(topic) == std::vector<int64_t>{5});
  });
}

TEST_CASE("records that go while a partition is read are passed over, and one line says so") {
  on_real_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 5));
    destroyer{broker.address()}.delete_records_before(topic, 0, 3);
    auto cfg = broker.consumer_config(test_broker::new_name("group"));
    cfg.skips_gaps = true; // as on_gap = continue
    int lines = 0;         // on this thread
    cfg.log = [&lines](int, const std::string& line) {
      lines += line.find("offset reset (at offset 1") != std::string::npos ? 1 : 0;
    };
    member reader{cfg};
    reader.start_at[{topic, 0}] = 1;
    require_ok(reader.consumer->subscribe({topic}));
    CHECK(reader.receives(2));
    CHECK(values_of(reader.records()) == numbers(3, 5));
    CHECK(lines == 1);
  });
}

TEST_CASE(
  "I2: a topic that was created anew goes to the policy on_gap, and its old map is nothing") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 2));
    {
      noting_source old{with, topic, gap_action::stop_partition};
      require_ok(old.source.start());
      REQUIRE(old.reads(2));
      old.source.stop();
    }
    auto cluster = require_value(kafka::cluster::make(broker.address()));
    auto last = require_value(cluster->group_offsets(with.group, topic, patience)).at(0);
    auto map = core::decode(last.metadata, last.offset).map;
    REQUIRE(map.topic.has_value());
    map.out = {{3, 5}};
    destroyer{broker.address()}.delete_topic(topic);
    REQUIRE(eventually([&] { return !cluster->partition_count(topic, patience); }));
    require_ok(cluster->create_topic(topic, 1, patience));
    send(broker, numbered(topic, 0, 5));
    // As an owner does that lived through it.
    commit(broker, with.group, topic, 2, core::encode(map, 2));
    check_both(with, topic, "of a topic of this name that was deleted", numbers(0, 5));
  });
}

TEST_CASE("an offset that expired while the group has others goes to the policy on_gap") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto topic = broker.new_topic(2);
    send(broker, numbered(topic, 0, 4));
    send(broker, numbered(topic, 1, 1));
    {
      noting_source first{with, topic, gap_action::stop_partition};
      require_ok(first.source.start());
      REQUIRE(first.reads(5));
      first.source.stop();
    }
    destroyer destroys{broker.address()};
    destroys.delete_records_before(topic, 0, 2);
    destroys.delete_offset(with.group, topic, 0);
    REQUIRE(with.committed(topic) == std::vector<int64_t>{-1, 1});
    check_both(with, topic, "nothing is committed", numbers(2, 4));
  });
}

TEST_CASE("a group that never committed anything starts at the earliest record that is left") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 4));
    destroyer{broker.address()}.delete_records_before(topic, 0, 2);
    noting_source source{with, topic, gap_action::stop_partition};
    require_ok(source.source.start());
    CHECK(source.reads(2));
    source.source.stop();
    CHECK(source.source.state().errors.empty());
  });
}

TEST_CASE("an offset that is set by hand to what the topic holds is where a source starts") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 4));
    commit(broker, with.group, topic, 2);
    noting_source source{with, topic, gap_action::stop_partition};
    require_ok(source.source.start());
    CHECK(source.reads(2));
    CHECK(source.handled() == numbers(2, 4));
    source.source.stop();
  });
}

TEST_CASE("I2: the id of the topic is committed where the broker tells it") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 1));
    member reader{broker.consumer_config(test_broker::new_name("asks")), topic};
    REQUIRE(reader.owns(1));
    auto known = reader.consumer->look_up({{topic, 0}}, patience).at({topic, 0});
    CHECK(known.partitions == 1);
    CHECK(known.low == 0);
    CHECK(known.high == 1);
    REQUIRE(known.topic.has_value());
    noting_source source{with, topic, gap_action::stop_partition};
    require_ok(source.source.start());
    REQUIRE(source.reads(1));
    source.source.stop();
    auto cluster = require_value(kafka::cluster::make(broker.address()));
    auto last = require_value(cluster->group_offsets(with.group, topic, patience)).at(0);
    CHECK(core::decode(last.metadata, last.offset).map.topic == known.topic);
  });
}
