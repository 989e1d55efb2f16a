// Where partitions begin while a transaction is pending that may still move their offsets. A real
// broker: the embedded one has no such transactions.
#include "actors/start_finder.hpp"
#include "tests/integration/transaction_rig.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

/// A transaction that has moved the offset to 7 and is not ended.
struct pending_rig : transaction_rig {
  explicit pending_rig(test_broker& at)
    : transaction_rig(at), producer(producer_config(prefix + "-0")),
      config{.group = group, .topic = topic}, what(with({part({"a"}, 7)})) {
    config.brokers = at.address();
    send(at, numbered(topic, 0, 10));
    using outcome = core::transaction_plan::outcome;
    REQUIRE(producer.open().what == outcome::done);
    REQUIRE(producer.hand_over(what).what == outcome::done);
    REQUIRE(producer.send_offsets(what).what == outcome::done);
  }

  auto find(actors::start_finder::settings how) {
    actors::start_finder finder{*reader.consumer, log, config, std::move(how)};
    return finder.find({{topic, 0}});
  }

  log::logger log{log::settings{log::level::off}};
  kafka::transactional_producer producer;
  source_config config;
  kafka::transaction what;
};

} // namespace

TEST_CASE("a partition begins where a pending transaction ends, and waits for that") {
  on_real_broker([](test_broker& broker) {
    pending_rig rig{broker};
    auto tries = 0;
    auto found = require_value(rig.find({.attempt = 500ms, .over = [&] {
                                           if (++tries == 2) // it has waited, and waits on
                                             CHECK(rig.producer.commit().what
                                                   == core::transaction_plan::outcome::done);
                                           return false;
                                         }}));
    CHECK(tries >= 2);
    REQUIRE(found.size() == 1);
    CHECK(found[0].from.at.offset == 7);
  });
}

TEST_CASE("a transaction that does not end in time is named as the reason, with what to do") {
  on_real_broker([](test_broker& broker) {
    pending_rig rig{broker};
    auto found = rig.find({.attempt = 200ms, .limit = 300ms});
    REQUIRE(!found);
    auto why = describe(found.error());
    INFO(why);
    CHECK(found.error() == errc::timed_out);
    CHECK_THAT(why, Contains(rig.topic + "/0") && Contains("transaction.timeout")
                      && Contains("kafka-transactions.sh"));
  });
}

TEST_CASE("who is not waited for any more does not wait for a transaction either") {
  on_real_broker([](test_broker& broker) {
    pending_rig rig{broker};
    CHECK(!rig.find({.attempt = 200ms, .limit = 1h, .over = [] { return true; }}));
  });
}

TEST_CASE("a dead owner's transaction is waited for as long as it may be pending") {
  source_config config;
  config.transaction_timeout = 60s;
  CHECK(actors::start_finder::limit_for(config) > 70s);
  config.transaction_timeout = 1s;
  CHECK(actors::start_finder::limit_for(config) == 30s);
}
