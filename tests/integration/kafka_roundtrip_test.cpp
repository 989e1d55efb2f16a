// What was sent comes out as it went in, on either broker.
#include "tests/integration/kafka_clients.hpp"

using namespace keyloom;
using namespace keyloom::test;

namespace {

/// Headers as pairs; "<null>" stands for a null value.
std::vector<std::pair<std::string, std::string>> headers_of(const record& rec) {
  std::vector<std::pair<std::string, std::string>> result;
  for (auto rest = rec.headers; auto header = rest.take();)
    result.emplace_back(header->name, header->value.value_or("<null>"));
  return result;
}

std::vector<record> send_and_receive(test_broker& broker, const std::vector<outgoing_record>& sent,
                                     member& reader) {
  send(broker, sent);
  REQUIRE(reader.receives(sent.size()));
  REQUIRE(reader.records().size() == sent.size());
  return reader.records();
}

} // namespace

TEST_CASE("null and empty keys and values stay apart") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    auto got = send_and_receive(broker,
                                {{.topic = topic, .key = "k", .value = "v"},
                                 {.topic = topic, .key = std::nullopt, .value = "no key"},
                                 {.topic = topic, .key = "no value", .value = std::nullopt},
                                 {.topic = topic, .key = "", .value = ""},
                                 {.topic = topic}},
                                reader);
    CHECK(got[0].key == "k");
    CHECK(got[0].value == "v");
    CHECK(!got[1].has_key());
    CHECK(got[1].value == "no key");
    CHECK(got[2].key == "no value");
    CHECK(!got[2].has_value());
    CHECK(got[3].has_key());
    CHECK(got[3].has_value());
    CHECK(got[3].key.empty());
    CHECK(got[3].value.empty());
    CHECK(!got[4].has_key());
    CHECK(!got[4].has_value());
    for (size_t i = 0; i < got.size(); ++i)
      CHECK(got[i].offset == static_cast<int64_t>(i));
  });
}

TEST_CASE("headers keep their order, repeats, null and empty values") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    std::string zero{"\0z", 2};
    auto got = send_and_receive(
      broker,
      {{.topic = topic,
        .value = "1",
        .headers = {{"a", "x"}, {"b", std::nullopt}, {"a", "y"}, {"c", ""}, {"d", zero}}},
       {.topic = topic, .value = "2"},
       {.topic = topic, .value = "3", .headers = {{"a", "x"}}, .type = "leg"}},
      reader);
    using pairs = std::vector<std::pair<std::string, std::string>>;
    CHECK(headers_of(got[0])
          == pairs{{"a", "x"}, {"b", "<null>"}, {"a", "y"}, {"c", ""}, {"d", zero}});
    CHECK(!got[0].type());
    CHECK(got[1].headers.empty());
    CHECK(headers_of(got[2]) == pairs{{"a", "x"}, {"type", "leg"}});
    CHECK(got[2].type() == "leg");
  });
}

TEST_CASE("records carry the time at which they were sent") {
  on_each_broker([](test_broker& broker) {
    using namespace std::chrono;
    auto now = [] {
      return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
    };
    auto topic = broker.new_topic(1);
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    auto before = now();
    auto got = send_and_receive(broker, {{.topic = topic, .value = "x"}}, reader);
    CHECK(got[0].timestamp_ms >= before);
    CHECK(got[0].timestamp_ms <= now());
  });
}

TEST_CASE("keys go to the partitions that Java's clients choose") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(8);
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    // By org.apache.kafka.common.utils.Utils: (murmur2(key) & 0x7fffffff) % 8.
    std::map<std::string, int32_t> expected{{"k000000", 6}, {"k000001", 4}, {"N14228", 0}, {"", 1}};
    std::vector<outgoing_record> sent;
    for (const auto& [key, partition] : expected)
      sent.push_back({.topic = topic, .key = key, .value = "x"});
    send_and_receive(broker, sent, reader);
    for (const auto& batch : reader.batches)
      for (const auto& rec : batch->records())
        CHECK(expected[std::string{rec.key}] == batch->partition());
  });
}

TEST_CASE("a batch holds no more records than asked for and about the bytes asked for") {
  on_each_broker([](test_broker& broker) {
    constexpr int count = 3000;
    auto topic = broker.new_topic(1);
    auto sent = numbered(topic, 0, count);
    for (auto& rec : sent)
      rec.value->resize(500, '.');
    send(broker, sent);
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    reader.undrained.insert({topic, 0});
    REQUIRE(reader.owns(1));
    kafka::topic_partition where{topic, 0};
    int64_t next = 0;
    auto drain = [&](size_t max_records, size_t max_bytes) {
      core::record_batch_ptr batch;
      REQUIRE(eventually([&] {
        batch = reader.consumer->drain(where, max_records, max_bytes);
        if (batch == nullptr)
          reader.take_event();
        return batch != nullptr;
      }));
      for (const auto& rec : batch->records())
        CHECK(rec.offset == next++);
      CHECK(batch->next_offset() == next);
      return batch;
    };
    CHECK(drain(1, 1 << 20)->records().size() == 1);
    CHECK(drain(7, 1 << 20)->records().size() <= 7);
    while (next < count) {
      auto batch = drain(1000, 20'000);
      CHECK(batch->records().size() <= 1000);
      CHECK(batch->bytes() < 40'000);
    }
  });
}
