// What a broker, or its administrator, may do to a running source: it goes on by itself, or ends
// with an error that says what to do; nothing is lost or skipped.
#include "tests/integration/mock_cluster.hpp"
#include "tests/integration/source_fixture.hpp"
#include "tests/integration/topic_admin.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using request = mock_cluster::request;

namespace {

/// Copies records to `out`; a value "large" becomes one of 3,000 bytes.
std::unique_ptr<event_source<>> copying_source(source_fixture& with, source_config cfg,
                                               const std::string& out) {
  auto source = std::make_unique<event_source<>>(with.system, std::move(cfg));
  source->on_default([out](context<>& ctx, const record& rec) {
    auto value = rec.value == "large" ? std::string(3000, 'x') : std::string{rec.value};
    ctx.forward({.topic = out, .key = std::string{rec.key}, .value = std::move(value)});
    return complete;
  });
  return source;
}

bool reaches(const source_fixture& with, const std::string& in,
             const std::vector<int64_t>& offsets) {
  return eventually([&] { return with.committed(in) == offsets; });
}

std::string first_error(const event_source<>& source) {
  std::string result;
  REQUIRE(eventually([&] {
    auto errors = source.state().errors;
    if (!errors.empty())
      result = errors.front();
    return !errors.empty();
  }));
  return result;
}

std::vector<outgoing_record> values(const std::string& topic,
                                    const std::vector<std::string>& which) {
  std::vector<outgoing_record> result;
  for (auto& value : which)
    result.push_back({.topic = topic, .key = value, .value = value, .partition = 0});
  return result;
}

/// A mock cluster's topics and a source that copies between them.
struct mock_rig {
  mock_cluster cluster;
  test_broker broker = test_broker::real(cluster.address()); // as seen by its clients
  source_fixture with{broker};
  std::string in = test_broker::new_name("in");
  std::string out = test_broker::new_name("out");
  std::unique_ptr<event_source<>> source;

  explicit mock_rig(int brokers = 1) : cluster(brokers) {
    for (auto& topic : {in, out})
      cluster.create_topic(topic, 1);
    source = copying_source(with, with.config(in), out);
  }

  /// Starts, and copies a first record.
  void start() {
    require_ok(source->start());
    send(broker, values(in, {"first"}));
    REQUIRE(reaches(with, in, {1}));
  }
};

} // namespace

TEST_CASE("an output that is too large for the client stops its partition before it") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto out = broker.new_topic(1);
    auto cfg = with.config(in);
    cfg.kafka["message.max.bytes"] = "2000";
    auto source = copying_source(with, cfg, out);
    require_ok(source->start());
    send(broker, values(in, {"a", "large", "b"}));
    auto error = first_error(*source);
    for (const auto* part : {"offset 1", "key 'large'", "message.max.bytes"})
      CHECK_THAT(error, Contains(part));
    source->stop();
    CHECK(with.committed(in) == std::vector<int64_t>{1});
  });
}

TEST_CASE("an output that the topic does not take stops its partition before it") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto out = test_broker::new_name("small");
    auto cluster = require_value(kafka::cluster::make(broker.address()));
    require_ok(cluster->create_topic(out, 1, patience, {{"max.message.bytes", "2000"}}));
    auto source = copying_source(with, with.config(in), out);
    require_ok(source->start());
    send(broker, values(in, {"a"}));
    REQUIRE(reaches(with, in, {1}));
    send(broker, values(in, {"large", "b"}));
    auto error = first_error(*source);
    for (const auto* part : {"offset 1", "key 'large'", "max.message.bytes of the topic"})
      CHECK_THAT(error, Contains(part));
    source->stop();
    CHECK(with.committed(in) == std::vector<int64_t>{1});
  });
}

TEST_CASE("partitions that a topic gets while it is read are read, too") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto out = broker.new_topic(1);
    auto cfg = with.config(in);
    cfg.kafka["topic.metadata.refresh.interval.ms"] = "500";
    auto source = copying_source(with, cfg, out);
    require_ok(source->start());
    send(broker, values(in, {"a"}));
    REQUIRE(reaches(with, in, {1}));
    topic_admin{broker}.raise_partitions(in, 3);
    for (int32_t p : {1, 2})
      send(broker, {{.topic = in, .key = "b", .value = "b", .partition = p}});
    CHECK(reaches(with, in, {1, 1, 1}));
    source->stop();
    CHECK(source->state().errors.empty());
  });
}

TEST_CASE(
  "topics that a pattern matches, and partitions that they get, are read from when they are "
  "there") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto first = broker.new_topic(1);
    auto out = broker.new_topic(1);
    auto cfg = with.config("");
    cfg.pattern = "^" + first;
    cfg.kafka["topic.metadata.refresh.interval.ms"] = "500";
    auto source = copying_source(with, cfg, out);
    require_ok(source->start());
    send(broker, values(first, {"a"}));
    REQUIRE(reaches(with, first, {1}));
    auto second = first + "-later";
    auto cluster = require_value(kafka::cluster::make(broker.address()));
    require_ok(cluster->create_topic(second, 1, patience));
    send(broker, values(second, {"b"}));
    CHECK(reaches(with, second, {1}));
    topic_admin{broker}.raise_partitions(first, 2);
    send(broker, {{.topic = first, .key = "c", .value = "c", .partition = 1}});
    CHECK(reaches(with, first, {1, 1}));
    source->stop();
    CHECK(source->state().errors.empty());
  });
}

TEST_CASE("a topic that is deleted while it is read ends the source with an error, or is read anew "
          "once it is there again") {
  on_real_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto out = broker.new_topic(1);
    auto cfg = with.config(in);
    cfg.kafka["topic.metadata.refresh.interval.ms"] = "500";
    auto source = copying_source(with, cfg, out);
    require_ok(source->start());
    send(broker, values(in, {"a"}));
    REQUIRE(reaches(with, in, {1}));
    topic_admin{broker}.remove(in);
    auto cluster = require_value(kafka::cluster::make(broker.address()));
    REQUIRE(eventually([&] {
      auto state = source->state();
      return !state.errors.empty() || state.partitions.empty();
    }));
    auto errors = source->state().errors;
    if (!errors.empty()) {
      CHECK_THAT(errors.front(), Contains(in) && Contains("create the topic"));
      source->stop();
      return;
    }
    require_ok(cluster->create_topic(in, 1, patience));
    send(broker, values(in, {"b"}));
    CHECK(eventually([&] { return source->state().out == 2; }));
    source->stop();
  });
}

TEST_CASE("a group whose coordinator moves goes on") {
  mock_rig rig{2};
  rig.cluster.move_coordinator(rig.with.group, 1);
  rig.start();
  rig.cluster.move_coordinator(rig.with.group, 2);
  send(rig.broker, values(rig.in, {"second"}));
  CHECK(reaches(rig.with, rig.in, {2}));
  rig.source->stop();
  CHECK(rig.source->state().errors.empty());
  CHECK(rig.source->state().out == 2);
}

TEST_CASE("an output that is not authorised stops its partition before it, and says what to do") {
  mock_rig rig;
  rig.start();
  rig.cluster.refuse_next(request::produce, RD_KAFKA_RESP_ERR_NO_ERROR); // the record itself
  rig.cluster.refuse_next(request::produce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  send(rig.broker, values(rig.in, {"second"}));
  auto error = first_error(*rig.source);
  CHECK_THAT(error, Contains("offset 1") && Contains("ACLs"));
  rig.source->stop();
  CHECK(rig.with.committed(rig.in) == std::vector<int64_t>{1});
}

TEST_CASE("a source that may write nowhere stops its partition, and says why and what to do") {
  mock_rig rig;
  send(rig.broker, values(rig.in, {"first"}));
  rig.cluster.refuse_next(request::producer_id, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
  require_ok(rig.source->start());
  CHECK_THAT(first_error(*rig.source), Contains("offset 0")
                                         && Contains("CLUSTER_AUTHORIZATION_FAILED")
                                         && Contains("IdempotentWrite"));
  rig.source->stop();
  CHECK(rig.with.committed(rig.in).at(0) <= 0);
}

TEST_CASE("a topic whose records are not authorised any more stops its partition, and says what to "
          "do") {
  mock_rig rig;
  rig.start();
  rig.cluster.refuse_next(request::fetch, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  CHECK_THAT(first_error(*rig.source), Contains(rig.in) && Contains("ACLs"));
  CHECK(rig.source->state().partitions.at(0).lifecycle == lifecycle::stopped);
  rig.source->stop();
  CHECK(rig.source->state().errors.size() == 1); // nothing was left undone
  CHECK(rig.with.committed(rig.in) == std::vector<int64_t>{1});
}

TEST_CASE("a member that may not join, and one whose commit is refused, try again") {
  mock_rig rig;
  rig.cluster.refuse_next(request::join, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
  rig.start();
  rig.cluster.refuse_next(request::commit, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
  send(rig.broker, values(rig.in, {"second"}));
  CHECK(reaches(rig.with, rig.in, {2}));
  rig.source->stop();
  CHECK(rig.source->state().errors.empty());
}
