// Records that are handed to the producer together: as by one call each, only cheaper.
#include "tests/integration/kafka_clients.hpp"

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

using verdict = kafka::producer::verdict;
using item = kafka::producer::item;

namespace {

// Nobody listens there.
constexpr const char* nowhere = "127.0.0.1:1";

std::unique_ptr<kafka::producer> make_producer(const std::string& brokers, report_book& reports,
                                               kafka::properties kafka = {}) {
  return require_value(
    kafka::producer::make({.brokers = brokers, .kafka = std::move(kafka), .log = {}}, reports));
}

/// Tokens are the records themselves.
std::vector<item> items_of(std::vector<outgoing_record>& records) {
  std::vector<item> result;
  for (auto& each : records)
    result.push_back({&each, &each});
  return result;
}

std::vector<outgoing_record> copies(size_t count, const outgoing_record& of) {
  return std::vector<outgoing_record>(count, of);
}

} // namespace

TEST_CASE("records handed over together are each reported once, those of a key in their order") {
  on_each_broker([](test_broker& broker) {
    constexpr size_t count = 3000;
    auto topic = broker.new_topic(3);
    report_book reports;
    auto producer = make_producer(broker.address(), reports);
    // Plain ones, with a type, with headers: the client takes them by different calls.
    std::vector<outgoing_record> records;
    for (size_t i = 0; i < count; ++i) {
      outgoing_record rec{.topic = topic, .key = "k" + std::to_string(i % 7), .value = "v"};
      if (i % 100 > 70)
        rec.type = "t";
      if (i % 100 > 90)
        rec.headers.push_back({"h", "1"});
      records.push_back(std::move(rec));
    }
    kafka::producer::produce_result why;
    REQUIRE(producer->produce(items_of(records), why) == count);
    CHECK(why.what == verdict::accepted);
    REQUIRE(producer->flush(patience));
    REQUIRE(reports.entries().size() == count);
    std::map<std::string, const void*> last;
    for (const auto& entry : reports.entries()) {
      CHECK(!entry.refused);
      auto& before = last[*static_cast<outgoing_record*>(entry.token)->key];
      CHECK(before < entry.token);
      before = entry.token;
    }
  });
}

TEST_CASE("null and empty keys and values stay what they are in a batch") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    report_book reports;
    auto producer = make_producer(broker.address(), reports);
    std::vector<outgoing_record> records{{.topic = topic, .key = "k"},
                                         {.topic = topic, .key = "", .value = ""},
                                         {.topic = topic, .value = "v"},
                                         {.topic = topic}};
    kafka::producer::produce_result why;
    REQUIRE(producer->produce(items_of(records), why) == records.size());
    REQUIRE(producer->flush(patience));
    member reader{broker.consumer_config(test_broker::new_name("reader")), topic};
    REQUIRE(reader.receives(records.size()));
    auto read = reader.records();
    for (size_t i = 0; i < records.size(); ++i) {
      CHECK(read[i].has_key() == records[i].key.has_value());
      CHECK(read[i].key == records[i].key.value_or(""));
      CHECK(read[i].has_value() == records[i].value.has_value());
      CHECK(read[i].value == records[i].value.value_or(""));
    }
  });
}

TEST_CASE("of records handed over together a full queue takes the first ones") {
  report_book reports;
  auto producer = make_producer(nowhere, reports, {{"queue.buffering.max.messages", "50"}});
  auto records = copies(80, {.topic = "t", .value = "v"});
  kafka::producer::produce_result why;
  CHECK(producer->produce(items_of(records), why) == 50);
  CHECK(why.what == verdict::queue_full);
  CHECK(producer->in_flight() == 50);
}

TEST_CASE("I7: behind a record that is too large nothing of a batch is sent") {
  report_book reports;
  auto producer = make_producer(nowhere, reports, {{"message.max.bytes", "5000"}});
  auto records = copies(9, {.topic = "t", .value = "v"});
  records[4].value = std::string(6000, 'x');
  kafka::producer::produce_result why;
  CHECK(producer->produce(items_of(records), why) == 4);
  CHECK(why.what == verdict::refused);
  CHECK(why.reason == errc::produce_failed);
  CHECK(producer->in_flight() == 4);
}

TEST_CASE("a name that no topic can have refuses a batch at its first record") {
  report_book reports;
  auto producer = make_producer(nowhere, reports);
  auto records = copies(3, {.topic = std::string(600, 'x'), .value = "v"});
  kafka::producer::produce_result why;
  CHECK(producer->produce(items_of(records), why) == 0);
  CHECK(why.what == verdict::refused);
  CHECK(why.reason == errc::produce_failed);
  CHECK(producer->in_flight() == 0);
}
