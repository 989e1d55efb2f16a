// A topic that is deleted and created anew while a source reads it, so quickly that the client does
// not notice: it would go on in the new topic where it was in the old one. The policy on_gap
// decides.
#include "tests/integration/group_protocol.hpp"
#include "tests/integration/source_fixture.hpp"
#include "tests/integration/topic_admin.hpp"

#include <catch2/catch.hpp>

#include <mutex>
#include <set>

using namespace keyloom;
using namespace keyloom::test;
using Catch::Matchers::Contains;

namespace {

/// A source that notes the values it was given, on a topic of one partition.
class recreated_topic {
public:
  explicit recreated_topic(test_broker& with, group_protocol protocol = group_protocol::classic)
    : fixture(with), topic(with.new_topic(1)), admin_(with) {
    properties_ = properties_of(protocol, test_broker::new_name("instance"));
    // So long the client does not look what has become of a topic that gives an error.
    properties_["topic.metadata.refresh.fast.interval.ms"] = "2000";
    write("old-", 3);
  }

  void start(gap_action on_gap) {
    auto cfg = fixture.config(topic);
    cfg.kafka = properties_;
    cfg.on_gap = on_gap;
    source = std::make_unique<event_source<>>(fixture.system, cfg);
    source->on_default([this](context<>&, const record& rec) {
      std::lock_guard guard{mutex_};
      seen_.emplace(rec.value);
      return complete;
    });
    require_ok(source->start());
  }

  void create_anew() {
    admin_.remove(topic);
    auto cluster = require_value(kafka::cluster::make(fixture.broker.address()));
    require_ok(cluster->create_topic(topic, 1, patience));
    write("new-", 6);
  }

  bool saw(const std::string& prefix, int count) {
    return eventually([&] {
      std::this_thread::yield();
      std::lock_guard guard{mutex_};
      for (int i = 0; i < count; ++i)
        if (!seen_.contains(prefix + std::to_string(i)))
          return false;
      return true;
    });
  }

  source_fixture fixture;
  std::string topic;
  std::unique_ptr<event_source<>> source;

private:
  void write(const std::string& prefix, int count) {
    std::vector<outgoing_record> records;
    for (int i = 0; i < count; ++i)
      records.push_back({.topic = topic, .value = prefix + std::to_string(i), .partition = 0});
    send(fixture.broker, records);
  }

  topic_admin admin_;
  kafka::properties properties_;
  std::mutex mutex_;
  std::set<std::string> seen_; // guarded by mutex_
};

} // namespace

TEST_CASE("a topic that is created anew while it is read is read from its earliest record, where "
          "on_gap says to go on") {
  on_real_broker([](test_broker& broker) {
    for (auto protocol : protocols_of(broker)) {
      INFO(name_of(protocol));
      recreated_topic rig{broker, protocol};
      rig.start(gap_action::go_on);
      REQUIRE(rig.saw("old-", 3));
      rig.create_anew();
      CHECK(rig.saw("new-", 6));
      CHECK(
        eventually([&] { return rig.fixture.committed(rig.topic) == std::vector<int64_t>{6}; }));
      rig.source->stop();
      CHECK(rig.source->state().errors.empty());
    }
  });
}

TEST_CASE("a topic that is created anew while it is read stops its partition, where on_gap says "
          "so, and nothing of the new one is lost") {
  on_real_broker([](test_broker& broker) {
    recreated_topic rig{broker};
    rig.start(gap_action::stop_partition);
    REQUIRE(rig.saw("old-", 3));
    rig.create_anew();
    REQUIRE(eventually([&] { return !rig.source->state().errors.empty(); }));
    CHECK_THAT(rig.source->state().errors.front(), Contains(rig.topic + "/0")
                                                     && Contains("created anew while it was read")
                                                     && Contains("on-gap"));
    rig.source->stop();
    rig.start(gap_action::go_on);
    CHECK(rig.saw("new-", 6));
    rig.source->stop();
  });
}
