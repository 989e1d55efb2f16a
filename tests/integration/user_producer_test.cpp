// keyloom::producer, the one users have beside their sources.
#include "tests/integration/source_fixture.hpp"

#include <keyloom/producer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;

namespace {

producer start_producer(const test_broker& broker, std::map<std::string, std::string> kafka = {}) {
  return require_value(producer::start({.brokers = broker.address(), .kafka = std::move(kafka)}));
}

} // namespace

TEST_CASE("a producer sends by callback and by future, in order") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto topic = broker.new_topic(1);
    auto sender = start_producer(broker);
    std::atomic<int> acknowledged{0};
    for (int i = 0; i < 100; ++i)
      sender.send({.topic = topic, .value = std::to_string(i)},
                  [&](const caf::error& refused) { acknowledged += refused ? 0 : 1; });
    require_ok(sender.send({.topic = topic, .value = "last"}).get());
    require_ok(sender.flush(patience));
    CHECK(acknowledged == 100);
    CHECK(sender.in_flight() == 0);
    auto values = values_of(with.read_back(topic, 101));
    for (size_t i = 0; i < 100; ++i)
      REQUIRE(values[i] == std::to_string(i));
    CHECK(values.back() == "last");
  });
}

TEST_CASE("what the client's queue has no room for waits, and goes in order") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto topic = broker.new_topic(1);
    auto sender = start_producer(broker, {{"queue.buffering.max.messages", "10"}});
    std::atomic<int> acknowledged{0};
    for (int i = 0; i < 500; ++i)
      sender.send({.topic = topic, .value = std::to_string(i)},
                  [&](const caf::error& refused) { acknowledged += refused ? 0 : 1; });
    require_ok(sender.flush(patience));
    CHECK(acknowledged == 500);
    auto values = values_of(with.read_back(topic, 500));
    for (size_t i = 0; i < 500; ++i)
      REQUIRE(values[i] == std::to_string(i));
  });
}

TEST_CASE("a refused record's callback hears topic and reason, and others are not touched") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    auto sender = start_producer(broker);
    auto refused = sender.send({.topic = topic, .value = "v", .partition = 7});
    auto fine = sender.send({.topic = topic, .value = "v"});
    require_ok(fine.get());
    auto reason = refused.get();
    REQUIRE(reason == errc::produce_failed);
    CHECK_THAT(describe(reason), Catch::Contains(topic));
  });
}

TEST_CASE("a producer that ends tells the callbacks of what it did not send") {
  auto sender = require_value(producer::start({.brokers = "127.0.0.1:1"}));
  auto lost = sender.send({.topic = "t", .value = "v"});
  auto err = sender.flush(std::chrono::milliseconds{100});
  REQUIRE(err == errc::produce_failed);
  CHECK_THAT(describe(err), Catch::Contains("1 records"));
  { auto ends = std::move(sender); }
  CHECK(lost.get() == errc::produce_failed);
}

TEST_CASE("a callback that throws harms nobody") {
  auto broker = test_broker::embedded();
  auto topic = broker.new_topic(1);
  auto sender = start_producer(broker);
  sender.send({.topic = topic, .value = "1"},
              [](const caf::error&) { throw std::runtime_error{"on purpose"}; });
  require_ok(sender.send({.topic = topic, .value = "2"}).get());
  require_ok(sender.flush(patience));
}

TEST_CASE("a wrong property of a producer is an error that names it") {
  auto made = producer::start({.kafka = {{"linger.msec", "5"}}});
  REQUIRE_FALSE(made);
  CHECK_THAT(describe(made.error()), Catch::Contains("linger.msec"));
}

TEST_CASE("an event that sent a batch is complete when all of it is acknowledged") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto out = broker.new_topic(1);
    send(broker, keyed(in, 20, 4));
    auto sender = start_producer(broker);
    event_source<> source{with.system, with.config(in)};
    source.on_default([&](context<>& ctx, const record& rec) {
      std::vector<outgoing_record> batch;
      for (int i = 0; i < 5; ++i)
        batch.push_back({.topic = out, .key = std::string{rec.key}});
      return sender.send(ctx, std::move(batch));
    });
    require_ok(source.start());
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return source.state().out == 20;
    }));
    source.stop();
    CHECK(sender.in_flight() == 0);
    CHECK(with.committed(in) == std::vector<int64_t>{20});
    CHECK(with.read_back(out, 100).size() == 100);
  });
}

TEST_CASE("an event whose batch is refused fails with the broker's reason") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, keyed(in, 1, 1));
  auto sender = start_producer(broker);
  event_source<> source{with.system, with.config(in)};
  source.on_default([&](context<>& ctx, const record&) {
    return sender.send(ctx, {{.topic = in, .value = "v", .partition = 9}});
  });
  require_ok(source.start());
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    return !source.state().errors.empty();
  }));
  source.stop();
  CHECK_THAT(source.state().errors.front(), Catch::Contains(in) && Catch::Contains("offset 0"));
}
