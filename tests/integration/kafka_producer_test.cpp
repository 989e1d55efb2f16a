// A producer: every accepted record is reported once, whatever happens; the others say why not.
#include "tests/integration/kafka_clients.hpp"

#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

using Catch::Contains;
using verdict = kafka::producer::verdict;

namespace {

// Nobody listens there.
constexpr const char* nowhere = "127.0.0.1:1";

std::unique_ptr<kafka::producer> make_producer(const std::string& brokers, report_book& reports,
                                               kafka::properties kafka = {}) {
  return require_value(
    kafka::producer::make({.brokers = brokers, .kafka = std::move(kafka), .log = {}}, reports));
}

/// Tokens are the addresses of the elements.
using tokens = std::vector<char>;

void require_accepted(kafka::producer& producer, const outgoing_record& rec, void* token) {
  auto result = producer.produce(rec, token);
  INFO(describe(result.reason));
  REQUIRE(result.what == verdict::accepted);
}

/// Each of the first `count` tokens exactly once.
void check_reported_once(const report_book& reports, const tokens& all, size_t count) {
  std::map<const void*, int> times;
  for (const auto& entry : reports.entries())
    ++times[entry.token];
  CHECK(times.size() == count);
  for (size_t i = 0; i < count; ++i)
    CHECK(times[&all[i]] == 1);
  CHECK(reports.entries().size() == count);
  CHECK(reports.passed_on() == count);
}

} // namespace

TEST_CASE("every accepted record is reported once, those of a partition in their order") {
  on_each_broker([](test_broker& broker) {
    constexpr size_t count = 5000;
    auto topic = broker.new_topic(3);
    report_book reports;
    auto producer = make_producer(broker.address(), reports);
    tokens all(count);
    for (size_t i = 0; i < count; ++i)
      require_accepted(*producer,
                       {.topic = topic, .value = "x", .partition = static_cast<int32_t>(i % 3)},
                       &all[i]);
    REQUIRE(producer->flush(patience));
    CHECK(producer->in_flight() == 0);
    check_reported_once(reports, all, count);
    std::vector<std::vector<const void*>> by_partition(3);
    for (const auto& entry : reports.entries()) {
      CHECK(!entry.refused);
      by_partition[static_cast<size_t>(static_cast<char*>(entry.token) - all.data()) % 3].push_back(
        entry.token);
    }
    for (const auto& each : by_partition)
      CHECK(std::is_sorted(each.begin(), each.end()));
  });
}

TEST_CASE("several threads may send at once") {
  on_each_broker([](test_broker& broker) {
    constexpr size_t each = 1000;
    auto topic = broker.new_topic(2);
    report_book reports;
    auto producer = make_producer(broker.address(), reports);
    tokens all(4 * each);
    std::vector<std::jthread> senders;
    for (size_t t = 0; t < 4; ++t)
      senders.emplace_back([&, t] {
        for (size_t i = t * each; i < (t + 1) * each; ++i)
          while (producer->produce({.topic = topic, .key = std::to_string(i)}, &all[i]).what
                 != verdict::accepted)
            ;
      });
    senders.clear();
    REQUIRE(producer->flush(patience));
    check_reported_once(reports, all, all.size());
    for (const auto& entry : reports.entries())
      CHECK(!entry.refused);
  });
}

TEST_CASE("what was not sent when the producer ends is reported with the reason") {
  report_book reports;
  constexpr size_t count = 2000;
  tokens all(count);
  SECTION("no broker") {
    auto producer = make_producer(nowhere, reports);
    for (auto& token : all)
      require_accepted(*producer, {.topic = "t", .key = "k", .value = "v"}, &token);
    CHECK(producer->in_flight() == count);
  }
  SECTION("a broker, and records that linger") {
    auto broker = test_broker::embedded();
    auto topic = broker.new_topic(4);
    auto producer = make_producer(broker.address(), reports, {{"linger.ms", "60000"}});
    for (auto& token : all)
      require_accepted(*producer, {.topic = topic, .key = "k", .value = "v"}, &token);
  }
  SECTION("a broker that went away") {
    auto broker = test_broker::embedded();
    auto topic = broker.new_topic(4);
    auto producer = make_producer(broker.address(), reports);
    send(broker, numbered(topic, 0, 1)); // it is there
    broker.stop();
    for (auto& token : all)
      require_accepted(*producer, {.topic = topic, .key = "k", .value = "v"}, &token);
  }
  check_reported_once(reports, all, count);
  for (const auto& entry : reports.entries()) {
    CHECK(entry.refused == errc::produce_failed);
    CHECK_THAT(describe(entry.refused), Contains("flush"));
  }
}

TEST_CASE("a producer that ends while records are on their way reports each of them once") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(4);
    report_book reports;
    constexpr size_t count = 20'000;
    tokens all(count);
    {
      auto producer = make_producer(broker.address(), reports, {{"linger.ms", "0"}});
      for (auto& token : all)
        require_accepted(*producer, {.topic = topic, .key = "k", .value = "v"}, &token);
    }
    check_reported_once(reports, all, count);
  });
}

TEST_CASE("a full queue is an answer, and its record may come again") {
  report_book reports;
  tokens all(100);
  auto producer = make_producer(nowhere, reports, {{"queue.buffering.max.messages", "50"}});
  size_t accepted = 0;
  for (auto& token : all) {
    auto result = producer->produce({.topic = "t", .value = "v"}, &token);
    if (result.what != verdict::accepted) {
      CHECK(result.what == verdict::queue_full);
      CHECK(!result.reason);
      break;
    }
    ++accepted;
  }
  CHECK(accepted == 50);
  CHECK(producer->in_flight() == 50);
  CHECK(!producer->flush(100ms));
  producer.reset();
  check_reported_once(reports, all, accepted);
}

TEST_CASE("a record that is too large is refused with its sizes and the setting") {
  report_book reports;
  auto producer = make_producer(nowhere, reports, {{"message.max.bytes", "1000"}});
  auto result = producer->produce(
    {.topic = "t", .key = "abc", .value = std::string(2000, 'x'), .partition = 4}, nullptr);
  CHECK(result.what == verdict::refused);
  CHECK(result.reason == errc::produce_failed);
  CHECK_THAT(describe(result.reason), Contains("t[4]") && Contains("key: 3 bytes")
                                        && Contains("value: 2000 bytes")
                                        && Contains("message.max.bytes"));
  CHECK(producer->in_flight() == 0);
  producer.reset();
  CHECK(reports.entries().empty());
}

TEST_CASE("a record that the broker finds too large is reported with the setting") {
  on_real_broker([](test_broker& broker) {
    auto topic = test_broker::new_name("small");
    auto cluster = require_value(kafka::cluster::make(broker.address()));
    require_ok(cluster->create_topic(topic, 1, patience, {{"max.message.bytes", "1000"}}));
    report_book reports;
    auto producer = make_producer(broker.address(), reports);
    require_accepted(*producer, {.topic = topic, .value = std::string(5000, 'x')}, nullptr);
    REQUIRE(producer->flush(patience)); // the broker refuses a whole batch
    require_accepted(*producer, {.topic = topic, .value = "small"}, nullptr);
    REQUIRE(producer->flush(patience));
    REQUIRE(reports.entries().size() == 2);
    auto refused = reports.entries()[0].refused;
    CHECK(refused == errc::produce_failed);
    CHECK_THAT(describe(refused), Contains(topic + "[0]") && Contains("value: 5000 bytes")
                                    && Contains("max.message.bytes"));
    CHECK(!reports.entries()[1].refused);
  });
}

TEST_CASE("a partition the topic does not have is refused, at once or in the report") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(2);
    report_book reports;
    auto producer = make_producer(broker.address(), reports);
    outgoing_record rec{.topic = topic, .value = "v", .partition = 7};
    // Nothing is known about the topic yet, so it is accepted first.
    require_accepted(*producer, rec, nullptr);
    REQUIRE(producer->flush(patience));
    REQUIRE(reports.entries().size() == 1);
    CHECK_THAT(describe(reports.entries()[0].refused), Contains(topic + "[7]"));
    auto result = producer->produce(rec, nullptr);
    CHECK(result.what == verdict::refused);
    CHECK_THAT(describe(result.reason), Contains(topic + "[7]") && Contains("partition"));
    rec.partition = 1;
    require_accepted(*producer, rec, nullptr);
    REQUIRE(producer->flush(patience));
    CHECK(!reports.entries().back().refused);
  });
}

TEST_CASE("a topic that does not exist is reported") {
  on_each_broker([](test_broker& broker) {
    report_book reports;
    auto producer = make_producer(broker.address(), reports,
                                  {{"allow.auto.create.topics", "false"},
                                   {"topic.metadata.propagation.max.ms", "500"}});
    auto topic = test_broker::new_name("missing");
    require_accepted(*producer, {.topic = topic, .value = "v"}, nullptr);
    REQUIRE(producer->flush(patience));
    REQUIRE(reports.entries().size() == 1);
    CHECK(reports.entries()[0].refused == errc::topic_missing);
    CHECK_THAT(describe(reports.entries()[0].refused), Contains(topic));
  });
}

TEST_CASE("a topic whose name cannot be one is refused") {
  report_book reports;
  auto producer = make_producer(nowhere, reports);
  auto result = producer->produce({.topic = std::string(600, 'x')}, nullptr);
  CHECK(result.what == verdict::refused);
  CHECK(result.reason == errc::produce_failed);
}

TEST_CASE("a record that no broker takes in time is reported with the setting") {
  report_book reports;
  auto producer = make_producer(nowhere, reports, {{"delivery.timeout.ms", "1000"}});
  require_accepted(*producer, {.topic = "t", .key = "k", .value = "v"}, nullptr);
  REQUIRE(producer->flush(patience));
  REQUIRE(reports.entries().size() == 1);
  CHECK(reports.entries()[0].refused == errc::produce_failed);
  CHECK_THAT(describe(reports.entries()[0].refused), Contains("delivery.timeout.ms"));
}

TEST_CASE("a producer's property that contradicts keyloom's own is refused with the reason") {
  report_book reports;
  auto [name, value, must] = GENERATE(table<std::string, std::string, std::string>({
    {"enable.idempotence", "false", "\"true\""},
    {"partitioner", "random", "\"murmur2_random\""},
    {"delivery.report.only.error", "true", "\"false\""},
    {"acks", "1", "enable.idempotence"},
    {"linger.ms", "never", "never"},
    {"no.such.thing", "1", "No such configuration"},
  }));
  auto made = kafka::producer::make({.brokers = nowhere, .kafka = {{name, value}}}, reports);
  REQUIRE(!made);
  CHECK(made.error() == errc::bad_config);
  CHECK_THAT(describe(made.error()), Contains(name) && Contains(must));
}

TEST_CASE("the producer's log and errors are passed on") {
  report_book reports;
  std::mutex mutex;
  std::vector<std::string> lines;
  auto producer = require_value(kafka::producer::make({.brokers = nowhere,
                                                       .kafka = {},
                                                       .log =
                                                         [&](int, const std::string& text) {
                                                           std::lock_guard guard{mutex};
                                                           lines.push_back(text);
                                                         }},
                                                      reports));
  require_accepted(*producer, {.topic = "t"}, nullptr);
  CHECK(eventually([&] {
    producer->flush(20ms);
    std::lock_guard guard{mutex};
    return std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
      return line.find(nowhere) != std::string::npos;
    });
  }));
}
