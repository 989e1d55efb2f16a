// What goes wrong with a consumer, and how it is told.
#include "tests/integration/kafka_clients.hpp"

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

using Catch::Contains;

namespace {

caf::error make_fails(kafka::consumer::config cfg) {
  auto made = kafka::consumer::make(std::move(cfg));
  REQUIRE(!made);
  return made.error();
}

} // namespace

TEST_CASE("a property the client does not know is refused by name") {
  auto err
    = make_fails({.brokers = "127.0.0.1:1", .group = "g", .kafka = {{"no.such.thing", "1"}}});
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Contains("no.such.thing") && Contains("No such configuration"));
}

TEST_CASE("a property with a value the client cannot take is refused with the value") {
  auto err = make_fails(
    {.brokers = "127.0.0.1:1", .group = "g", .kafka = {{"session.timeout.ms", "soon"}}});
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Contains("session.timeout.ms") && Contains("soon"));
}

TEST_CASE("properties that contradict each other are refused") {
  auto err
    = make_fails({.brokers = "127.0.0.1:1",
                  .group = "g",
                  .kafka = {{"max.poll.interval.ms", "1000"}, {"session.timeout.ms", "9000"}}});
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Contains("max.poll.interval.ms") && Contains("session.timeout.ms"));
}

TEST_CASE("a property that contradicts keyloom's own is refused with both values and the reason") {
  auto [name, value, must] = GENERATE(table<std::string, std::string, std::string>({
    {"enable.auto.commit", "true", "\"false\""},
    {"enable.auto.offset.store", "true", "\"false\""},
    {"auto.offset.reset", "latest", "\"error\""},
    {"partition.assignment.strategy", "range", "\"cooperative-sticky\""},
    {"enable.partition.eof", "false", "\"true\""},
    {"bootstrap.servers", "elsewhere:9092", "127.0.0.1:1"},
    {"metadata.broker.list", "elsewhere:9092", "bootstrap.servers"},
    {"group.id", "another", "the setting `group`"},
  }));
  auto err = make_fails({.brokers = "127.0.0.1:1", .group = "g", .kafka = {{name, value}}});
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Contains(name) && Contains("\"" + value + "\"") && Contains(must));
}

TEST_CASE("a property that says what keyloom says is fine") {
  auto made = kafka::consumer::make(
    {.brokers = "127.0.0.1:1", .group = "g", .kafka = {{"enable.auto.commit", "False"}}});
  require_ok(made ? caf::error{} : made.error());
}

TEST_CASE("the consumer protocol leaves session and assignor to the broker, however it is spelt") {
  for (const auto* spelt : {"consumer", "Consumer"}) {
    auto made = kafka::consumer::make(
      {.brokers = "127.0.0.1:1", .group = "g", .kafka = {{"group.protocol", spelt}}});
    require_ok(made ? caf::error{} : made.error());
  }
  for (const auto* name : {"session.timeout.ms", "heartbeat.interval.ms"}) {
    auto err = make_fails({.brokers = "127.0.0.1:1",
                           .group = "g",
                           .kafka = {{"group.protocol", "consumer"}, {name, "3000"}}});
    CHECK(err == errc::bad_config);
    CHECK_THAT(describe(err), Contains(name));
  }
}

TEST_CASE("a consumer without a group is refused") {
  auto err = make_fails({.brokers = "127.0.0.1:1", .group = ""});
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Contains("`group`"));
}

TEST_CASE("a start offset that the topic does not hold fails its partition and moves nothing") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(2);
    send(broker, numbered(topic, 0, 3));
    send(broker, numbered(topic, 1, 3));
    member reader{broker.consumer_config(test_broker::new_name("group"))};
    kafka::topic_partition where{topic, 0};
    reader.start_at[where] = 1'000;
    require_ok(reader.consumer->subscribe({topic}));
    auto* failed = reader.receives_event<kafka::partition_failed>();
    REQUIRE(failed != nullptr);
    CHECK(failed->where == where);
    CHECK(failed->error == errc::offset_out_of_range);
    CHECK_THAT(describe(failed->error), Contains(topic + "[0]"));
    // The other partition is read, this one gives nothing more.
    REQUIRE(reader.receives(3));
    CHECK(reader.records().size() == 3);
    for (const auto& batch : reader.batches)
      CHECK(batch->partition() == 1);
    // Until it is assigned anew.
    require_ok(reader.consumer->unassign({where}));
    require_ok(reader.consumer->assign({{where, 1}}));
    REQUIRE(reader.receives(5));
    CHECK(reader.batches.back()->records().back().offset == 2);
  });
}

TEST_CASE(
  "a log that goes on before what was read fails its partition, also where gaps are skipped") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 3));
    auto cfg = broker.consumer_config(test_broker::new_name("group"));
    cfg.skips_gaps = true;
    member reader{cfg};
    reader.start_at[{topic, 0}] = 1'000; // the client goes on at 0
    require_ok(reader.consumer->subscribe({topic}));
    auto* failed = reader.receives_event<kafka::partition_failed>();
    REQUIRE(failed != nullptr);
    CHECK(failed->error == errc::offset_out_of_range);
    CHECK_THAT(describe(failed->error), Contains(topic + "[0]") && Contains("at offset 0"));
    reader.poll();
    CHECK(reader.batches.empty());
  });
}

TEST_CASE("a topic that does not exist is told, and read once it is there") {
  on_each_broker([](test_broker& broker) {
    auto topic = test_broker::new_name("late");
    auto cfg = broker.consumer_config(test_broker::new_name("group"));
    cfg.kafka["topic.metadata.refresh.interval.ms"] = "500";
    member reader{cfg, topic};
    auto* error = reader.receives_event<kafka::client_error>();
    REQUIRE(error != nullptr);
    CHECK(!error->fatal);
    CHECK(error->error == errc::topic_missing);
    CHECK_THAT(describe(error->error), Contains(topic));
    send(broker, {{.topic = topic, .value = "now"}});
    CHECK(reader.receives(1));
  });
}

TEST_CASE("a broker that cannot be reached is told without end of the consumer") {
  member reader{{.brokers = "127.0.0.1:1", .group = "g"}, "t"};
  auto* error = reader.receives_event<kafka::client_error>();
  REQUIRE(error != nullptr);
  CHECK(!error->fatal);
  CHECK_THAT(describe(error->error), Contains("127.0.0.1:1"));
}

TEST_CASE("committed gives up after its timeout") {
  auto reader = require_value(kafka::consumer::make({.brokers = "127.0.0.1:1", .group = "g"}));
  auto result = reader->committed({{"t", 0}}, 200ms);
  REQUIRE(!result);
  CHECK_THAT(describe(result.error()), Contains("group g"));
}

TEST_CASE("metadata that is too large fails the commit for good") {
  on_real_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    REQUIRE(reader.owns(1));
    kafka::topic_partition where{topic, 0};
    require_ok(reader.consumer->commit_async({{where, 0, std::string(5'000, 'm')}}));
    auto* answer = reader.receives_event<kafka::offsets_committed>();
    REQUIRE(answer != nullptr);
    CHECK(answer->error == errc::commit_failed);
    CHECK(!answer->retriable);
    CHECK_THAT(describe(answer->error), Contains(topic + "[0]") && Contains("metadata"));
    require_ok(reader.consumer->commit_async({{where, 0, std::string(4'000, 'm')}}));
    auto* next = reader.receives_event<kafka::offsets_committed>();
    REQUIRE(next != nullptr);
    require_ok(next->error);
  });
}

TEST_CASE("a commit of nothing is refused") {
  auto reader = require_value(kafka::consumer::make({.brokers = "127.0.0.1:1", .group = "g"}));
  CHECK(reader->commit_async({}) == errc::wrong_state);
}

TEST_CASE("a commit of a member that lost its membership fails and is not retriable") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    auto group = test_broker::new_name("group");
    auto cfg = broker.consumer_config(group);
    cfg.kafka["max.poll.interval.ms"] = "3000";
    member late{cfg, topic};
    REQUIRE(late.owns(1));
    // It stops polling; somebody else takes over.
    member other{broker.consumer_config(group), topic};
    REQUIRE(other.owns(1));
    require_ok(late.consumer->commit_async({{{topic, 0}, 0}}));
    auto* answer = late.receives_event<kafka::offsets_committed>();
    REQUIRE(answer != nullptr);
    CHECK(answer->error == errc::commit_failed);
    CHECK(!answer->retriable);
  });
}

TEST_CASE("the client's log lines come out where events are taken") {
  std::vector<std::string> lines;
  auto cfg = kafka::consumer::config{.brokers = "127.0.0.1:1", .group = "g"};
  cfg.log = [&](int, const std::string& text) { lines.push_back(text); };
  member reader{cfg, "t"};
  CHECK(eventually([&] {
    reader.poll();
    return !lines.empty();
  }));
}
