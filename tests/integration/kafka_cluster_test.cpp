// What one asks a cluster: topics, watermarks, what groups have committed.
#include "tests/integration/kafka_clients.hpp"

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

using Catch::Contains;

namespace {

std::unique_ptr<kafka::cluster> make_cluster(const test_broker& broker) {
  return require_value(kafka::cluster::make(broker.address()));
}

} // namespace

TEST_CASE("a broker that is there is reachable") {
  on_each_broker([](test_broker& broker) {
    auto cluster = make_cluster(broker);
    require_ok(cluster->wait_until_reachable(patience));
    require_ok(cluster->wait_until_reachable(patience));
  });
}

TEST_CASE("a broker that cannot be reached is told with the reason and the setting") {
  auto [address, reason] = GENERATE(table<std::string, std::string>({
    {"127.0.0.1:1", "refused"},
    {"no-such-host.invalid:9092", "resolve"},
  }));
  auto cluster = require_value(kafka::cluster::make(address));
  auto start = std::chrono::steady_clock::now();
  auto err = cluster->wait_until_reachable(1500ms);
  CHECK(err == errc::broker_unreachable);
  CHECK_THAT(describe(err), Contains(address) && Contains(reason) && Contains("`brokers`"));
  CHECK(std::chrono::steady_clock::now() - start < 10s);
  CHECK(cluster->partition_count("t", 500ms).error() == errc::broker_unreachable);
  CHECK(cluster->group_offsets("g", "t", 500ms).error() == errc::broker_unreachable);
  CHECK(cluster->create_topic("t", 1, 500ms) == errc::broker_unreachable);
}

TEST_CASE("a broker that goes away is unreachable from then on") {
  auto broker = test_broker::embedded();
  auto cluster = make_cluster(broker);
  require_ok(cluster->wait_until_reachable(patience));
  broker.stop();
  CHECK(cluster->wait_until_reachable(1s) == errc::broker_unreachable);
}

TEST_CASE("asking for a topic that does not exist says so and does not create it") {
  on_each_broker([](test_broker& broker) {
    auto cluster = make_cluster(broker);
    auto topic = test_broker::new_name("missing");
    for (int i = 0; i < 3; ++i) {
      auto count = cluster->partition_count(topic, patience);
      REQUIRE(!count);
      CHECK(count.error() == errc::topic_missing);
      CHECK_THAT(describe(count.error()), Contains(topic));
      require_ok(cluster->wait_until_reachable(patience));
      CHECK(cluster->query_watermarks(topic, patience).error() == errc::topic_missing);
      CHECK(cluster->group_offsets("g", topic, patience).error() == errc::topic_missing);
    }
  });
}

TEST_CASE("a topic that was created can be used at once") {
  on_each_broker([](test_broker& broker) {
    auto cluster = make_cluster(broker);
    auto topic = test_broker::new_name("created");
    require_ok(cluster->create_topic(topic, 4, patience));
    CHECK(require_value(cluster->partition_count(topic, patience)) == 4);
    send(broker, numbered(topic, 3, 2));
    // An existing one is fine, also with another number.
    require_ok(cluster->create_topic(topic, 4, patience));
    require_ok(cluster->create_topic(topic, 7, patience));
    CHECK(require_value(cluster->partition_count(topic, patience)) == 4);
  });
}

TEST_CASE("a real broker creates topics with any number of partitions and with settings") {
  on_real_broker([](test_broker& broker) {
    auto cluster = make_cluster(broker);
    auto topic = test_broker::new_name("created");
    require_ok(cluster->create_topic(topic, 7, patience, {{"cleanup.policy", "compact"}}));
    CHECK(require_value(cluster->partition_count(topic, patience)) == 7);
    auto err = cluster->create_topic(test_broker::new_name("bad"), 1, patience, {{"no.such", "1"}});
    CHECK(err == errc::bad_config);
    CHECK_THAT(describe(err), Contains("no.such"));
    auto name = cluster->create_topic("not a name", 1, patience);
    CHECK(name == errc::bad_config);
    CHECK_THAT(describe(name), Contains("not a name"));
  });
}

TEST_CASE("a topic cannot have no partitions") {
  on_each_broker([](test_broker& broker) {
    CHECK(make_cluster(broker)->create_topic("t", 0, patience) == errc::bad_config);
  });
}

TEST_CASE("the embedded broker's own number of partitions is told when another was wanted") {
  auto broker = test_broker::embedded();
  auto err = make_cluster(broker)->create_topic("t", 3, patience);
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Contains("embedded_broker::create_topic") && Contains("4"));
}

TEST_CASE("an embedded broker creates topics with any number of partitions") {
  auto broker = require_value(embedded_broker::start());
  require_ok(broker.create_topic("seven", 7));
  require_ok(broker.create_topic("seven", 7));
  auto moved = std::move(broker);
  auto cluster = require_value(kafka::cluster::make(moved.brokers()));
  CHECK(require_value(cluster->partition_count("seven", patience)) == 7);
}

TEST_CASE("watermarks tell where each partition begins and ends") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(3);
    send(broker, numbered(topic, 1, 5));
    auto marks = require_value(make_cluster(broker)->query_watermarks(topic, patience));
    REQUIRE(marks.size() == 3);
    CHECK(marks[0].high == 0);
    CHECK(marks[1].low == 0);
    CHECK(marks[1].high == 5);
    CHECK(marks[2].high == 0);
  });
}

TEST_CASE("what a group committed is told without joining it") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(2);
    auto cluster = make_cluster(broker);
    auto group = test_broker::new_name("group");
    auto before = require_value(cluster->group_offsets(group, topic, patience));
    REQUIRE(before.size() == 2);
    CHECK(before[0].offset == -1);
    CHECK(before[1].offset == -1);
    send(broker, numbered(topic, 1, 5));
    member reader{broker.consumer_config(group), topic};
    REQUIRE(reader.receives(5));
    require_ok(reader.consumer->commit_async({{{topic, 1}, 4, "map"}}));
    auto* answer = reader.receives_event<kafka::offsets_committed>();
    REQUIRE(answer != nullptr);
    require_ok(answer->error);
    auto after = require_value(cluster->group_offsets(group, topic, patience));
    REQUIRE(after.size() == 2);
    CHECK(after[0].offset == -1);
    CHECK(after[1].where == kafka::topic_partition{topic, 1});
    CHECK(after[1].offset == 4);
    CHECK(after[1].metadata == "map");
    // The group did not notice.
    reader.poll();
    CHECK(reader.owned.size() == 2);
  });
}

TEST_CASE("a cluster takes the properties that consumers and producers take") {
  auto broker = test_broker::embedded();
  auto cluster
    = require_value(kafka::cluster::make(broker.address(), {{"isolation.level", "read_committed"},
                                                            {"linger.ms", "1"},
                                                            {"max.poll.interval.ms", "60000"}}));
  require_ok(cluster->wait_until_reachable(patience));
  auto refused = kafka::cluster::make(broker.address(), {{"no.such.thing", "1"}});
  REQUIRE(!refused);
  CHECK(refused.error() == errc::bad_config);
}
