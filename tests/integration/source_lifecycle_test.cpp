// The life of a whole source in its process: started and stopped again and again, failing halfway,
// stopped with work that does not end.
#include "tests/integration/footprint.hpp"
#include "tests/integration/mock_cluster.hpp"
#include "tests/integration/silent_actor.hpp"
#include "tests/integration/source_fixture.hpp"

#include <keyloom/handler_actor.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

constexpr int records = 200;

/// A source with one stage of each kind, one behind the other, and an output.
std::unique_ptr<event_source<>> make_source(source_fixture& with, const source_config& cfg,
                                            const std::string& out) {
  auto source = std::make_unique<event_source<>>(with.system, cfg);
  auto ask = source->stage<int, int>(
    "ask", shared_actor(spawn_silent_actor),
    [out](context<>& ctx, std::string_view, int&, caf::expected<int> x) {
      ctx.forward({.topic = out, .key = std::string{ctx.input().key}, .value = "done"});
      return x ? complete : outcome{x.error()};
    },
    wide_network);
  auto call = source->stage<int, int>(
    "call", blocking([](std::string_view, int& x) { return x; }),
    [ask](context<>& ctx, std::string_view key, int&, caf::expected<int> x) {
      return ask.schedule(ctx, key, *x);
    },
    wide_network);
  auto count
    = source->stage<int, int>("count", compute([](std::string_view, int& x) { return x; }),
                              [call](context<>& ctx, std::string_view key, int&,
                                     caf::expected<int> x) { return call.schedule(ctx, key, *x); });
  source->on_default(
    [count](context<>& ctx, const record& rec) { return count.schedule(ctx, rec.key, 1); });
  return source;
}

} // namespace

TEST_CASE("I9: a source that is started and stopped again and again leaves nothing behind") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(4);
    auto source = make_source(with, with.config(in), broker.new_topic(4));
    auto before = footprint::of(with.system);
    for (int round = 1; round <= 3; ++round) {
      INFO("round " << round);
      send(broker, keyed(in, records, 20));
      require_ok(source->start());
      REQUIRE(eventually([&] { return source->state().out == records; }));
      CHECK(footprint::of(with.system) != before);
      source->stop();
      CHECK(source->state().errors.empty());
      CHECK(source->state().forwarded == records);
      require_back_to(before, with.system);
    }
  });
}

TEST_CASE("I9: a source that is stopped before it has an assignment leaves nothing behind") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto source = make_source(with, with.config(broker.new_topic(4)), "never-written");
    auto before = footprint::of(with.system);
    for (int round = 0; round < 3; ++round) {
      require_ok(source->start());
      source->stop();
      require_back_to(before, with.system);
    }
  });
}

TEST_CASE("I9: a start that fails halfway takes down what it had made") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto before = footprint::of(with.system);
    auto fails = [&](const source_config& cfg, errc expected, const std::string& named) {
      auto source = make_source(with, cfg, "never-written");
      for (int attempt = 0; attempt < 2; ++attempt) {
        auto err = source->start();
        INFO(describe(err));
        CHECK(err == expected);
        CHECK(describe(err).find(named) != std::string::npos);
        CHECK_FALSE(source->state().running);
        require_back_to(before, with.system);
      }
      source->stop(); // does nothing
    };
    SECTION("no broker") {
      auto cfg = with.config(in);
      cfg.brokers = "127.0.0.1:1";
      cfg.connect_timeout = 200ms;
      fails(cfg, errc::broker_unreachable, "127.0.0.1:1");
    }
    SECTION("a property that the producer refuses") {
      auto cfg = with.config(in);
      cfg.kafka["acks"] = "1";
      fails(cfg, errc::bad_config, "acks");
    }
    SECTION("a property that the consumer refuses, when all else is made") {
      auto cfg = with.config(in);
      cfg.kafka["enable.auto.commit"] = "true";
      fails(cfg, errc::bad_config, "enable.auto.commit");
    }
    SECTION("a setting out of range") {
      auto cfg = with.config(in);
      cfg.commit_interval = 0ms;
      fails(cfg, errc::bad_config, "keyloom.commit.interval");
    }
  });
}

TEST_CASE("a source whose topic was missing starts once the topic is there") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = test_broker::new_name("late");
    auto source = make_source(with, with.config(in), broker.new_topic(1));
    auto err = source->start();
    CHECK(err == errc::topic_missing);
    CHECK(describe(err).find(in) != std::string::npos);
    auto cluster = require_value(kafka::cluster::make(broker.address()));
    require_ok(cluster->create_topic(in, 2, patience));
    send(broker, keyed(in, records, 20));
    require_ok(source->start());
    auto again = source->start();
    CHECK(again == errc::wrong_state);
    REQUIRE(eventually([&] { return source->state().out == records; }));
  });
}

TEST_CASE("a stop that runs into its deadline says what was not finished, and is no success") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, {{.topic = in, .key = "stuck", .value = "x"}});
    auto cfg = with.config(in);
    cfg.stop_deadline = 50ms;
    auto source = make_source(with, cfg, "never-written");
    auto before = footprint::of(with.system);
    require_ok(source->start());
    REQUIRE(eventually([&] { return source->state().records == 1; }));
    source->stop();
    auto errors = source->state().errors;
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].find(in + "/0") != std::string::npos);
    CHECK(errors[0].find("stop.deadline") != std::string::npos);
    CHECK(with.committed(in)[0] <= 0);
    require_back_to(before, with.system);
  });
}

TEST_CASE("a partition that cannot be read on stops and says why, and what is out is committed") {
  mock_cluster cluster;
  auto broker = test_broker::real(cluster.address()); // as seen by its clients
  source_fixture with{broker};
  auto topic = test_broker::new_name("range");
  cluster.create_topic(topic, 1);
  send(broker, numbered(topic, 0, 2));
  event_source<> source{with.system, with.config(topic)};
  source.on_default([](context<>&, const record&) { return complete; });
  require_ok(source.start());
  REQUIRE(eventually([&] { return source.state().out == 2; }));
  cluster.put_fetch_out_of_range();
  REQUIRE(eventually([&] { return !source.state().errors.empty(); }));
  auto state = source.state();
  CHECK(state.partitions.at(0).lifecycle == lifecycle::stopped);
  CHECK(state.partitions.at(0).error.find("cannot read " + topic + "[0]") != std::string::npos);
  source.stop();
  CHECK(with.committed(topic) == std::vector<int64_t>{2});
}
