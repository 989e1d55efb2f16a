// Sources that read several topics.
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <mutex>
#include <set>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;

namespace {

/// Runs the source until it has handled `count` records; returns "topic:value" of each.
std::multiset<std::string> values_handled(source_fixture& with, const source_config& cfg,
                                          size_t count) {
  event_source<> source{with.system, cfg};
  std::mutex mutex;
  std::multiset<std::string> seen;
  source.on<std::string>(text{}, [&](context<>& ctx, std::string value) {
    std::lock_guard guard{mutex};
    seen.insert(ctx.topic() + ":" + value);
    return complete;
  });
  require_ok(source.start());
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    return source.state().out == count;
  }));
  source.stop();
  return seen;
}

} // namespace

TEST_CASE("a source reads several topics and commits in each") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto one = broker.new_topic(2);
    auto two = broker.new_topic(1);
    send(broker, {{.topic = one, .key = "a", .value = "1"}, {.topic = two, .value = "2"}});
    auto cfg = with.config("");
    cfg.topics = {one, two};
    CHECK(values_handled(with, cfg, 2) == std::multiset<std::string>{one + ":1", two + ":2"});
    CHECK(with.committed(two) == std::vector<int64_t>{1});
  });
}

TEST_CASE("a source reads all topics that match a pattern") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto one = broker.new_topic(1);
    auto other = broker.new_topic(1);
    send(broker, {{.topic = one, .value = "1"}, {.topic = other, .value = "2"}});
    auto cfg = with.config("");
    cfg.pattern = "^" + one;
    CHECK(values_handled(with, cfg, 1) == std::multiset<std::string>{one + ":1"});
  });
}

TEST_CASE("a pattern finds topics that are created later") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto first = broker.new_topic(1);
    auto later = first + "-later";
    send(broker, {{.topic = first, .value = "1"}});
    auto cfg = with.config("");
    cfg.pattern = "^" + first;
    cfg.kafka["topic.metadata.refresh.interval.ms"] = "300";
    event_source<> source{with.system, cfg};
    std::atomic<int> of_later = 0;
    source.on_default([&](context<>& ctx, const record&) {
      of_later += ctx.topic() == later ? 1 : 0;
      return complete;
    });
    require_ok(source.start());
    REQUIRE(eventually([&] { return source.state().out == 1; }));
    auto cluster = require_value(kafka::cluster::make(broker.address()));
    require_ok(cluster->create_topic(later, 2, patience));
    send(broker, keyed(later, 20, 5));
    REQUIRE(eventually([&] { return source.state().out == 21; }));
    CHECK(of_later == 20);
    source.stop();
    CHECK(with.committed(later)[0] + with.committed(later)[1] == 20);
  });
}

TEST_CASE("of topic, topics and pattern exactly one must be set") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto fails = [&](source_config cfg) {
    event_source<> source{with.system, cfg};
    auto err = source.start();
    CHECK(err == errc::bad_config);
    return describe(err);
  };
  auto both = with.config("one");
  both.topics = {"two"};
  CHECK_THAT(fails(both), Catch::Contains("topic") && Catch::Contains("exactly one"));
  CHECK_THAT(fails(with.config("")), Catch::Contains("topic"));
  auto loose = with.config("");
  loose.pattern = "legs-.*";
  CHECK_THAT(fails(loose), Catch::Contains("pattern") && Catch::Contains("^"));
}

TEST_CASE("a store and several topics are an error that names both") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto cfg = with.config("");
  cfg.topics = {"one", "two"};
  event_source<std::vector<int>> source{with.system, cfg, [] { return std::vector<int>{}; }};
  auto err = source.start();
  REQUIRE(err == errc::bad_config);
  CHECK_THAT(describe(err), Catch::Contains("store") && Catch::Contains("topics"));
}
