// A group of several sources, in each way of grouping: whoever comes, leaves, dies or freezes, the
// partitions of those who are there go on.
#include "tests/integration/child_process.hpp"
#include "tests/integration/child_worker.hpp"
#include "tests/integration/group_protocol.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

constexpr int32_t partitions = 4;

/// Long enough for a broker with Kafka's own settings to miss a member of the consumer protocol.
constexpr std::chrono::seconds session{90};

struct group_rig {
  source_fixture with;
  group_protocol protocol;
  std::string in;
  std::string out;
  int64_t rounds = 0;

  group_rig(test_broker& broker, group_protocol chosen)
    : with(broker), protocol(chosen), in(broker.new_topic(partitions)),
      out(broker.new_topic(partitions)) {}

  std::unique_ptr<event_source<>> join(const std::string& instance) {
    auto cfg = with.config(in);
    cfg.kafka = properties_of(protocol, instance);
    auto source = std::make_unique<event_source<>>(with.system, cfg);
    source->on_default([this](context<>& ctx, const record& rec) {
      ctx.forward({.topic = out, .key = std::string{rec.key}, .value = std::string{rec.value}});
      return complete;
    });
    require_ok(source->start());
    return source;
  }

  std::unique_ptr<child_process> join_as_child(const std::string& instance) {
    std::vector<std::string> arguments{child_flag, "slow", with.broker.address(),
                                       with.group, in,     out};
    for (auto& [name, value] : properties_of(protocol, instance))
      arguments.push_back(name + "=" + value);
    return std::make_unique<child_process>(arguments);
  }

  /// One more record in each partition is worked on and committed.
  bool each_partition_goes_on() {
    std::vector<outgoing_record> records;
    for (int32_t p = 0; p < partitions; ++p)
      records.push_back({.topic = in,
                         .key = "p" + std::to_string(p),
                         .value = std::to_string(rounds),
                         .partition = p});
    send(with.broker, records);
    ++rounds;
    return eventually(
      [this] { return with.committed(in) == std::vector<int64_t>(partitions, rounds); }, session);
  }

  /// Every record came, and for the first time behind those of its key before it.
  void check_order() {
    for (auto& [key, values] :
         by_key(with.read_back(out, static_cast<size_t>(partitions * rounds)))) {
      int64_t next = 0;
      for (auto& value : values) {
        auto number = std::stoll(value);
        CHECK(number <= next);
        next = std::max<int64_t>(next, number + 1);
      }
      INFO("key " << key);
      CHECK(next == rounds);
    }
  }
};

size_t owned(const event_source<>& source) {
  return source.state().partitions.size();
}

} // namespace

TEST_CASE("I10: whoever joins, leaves, dies or freezes, each partition goes on, in each group "
          "protocol") {
  on_real_broker([](test_broker& broker) {
    auto protocol = GENERATE(group_protocol::classic, group_protocol::fixed,
                             group_protocol::consumer);
    INFO(name_of(protocol));
    group_rig group{broker, protocol};
    auto first = group.join("first");
    REQUIRE(group.each_partition_goes_on());
    CHECK(owned(*first) == partitions);

    auto second = group.join("second");
    REQUIRE(eventually([&] { return owned(*first) == 2 && owned(*second) == 2; }));
    REQUIRE(group.each_partition_goes_on());

    auto child = group.join_as_child("child");
    REQUIRE(child->says("assigned " + group.in));
    REQUIRE(group.each_partition_goes_on());
    child->send(SIGSTOP); // until it is missed
    REQUIRE(group.each_partition_goes_on());
    child->send(SIGCONT);
    REQUIRE(child->says("lost " + group.in));
    REQUIRE(child->says("assigned " + group.in));
    REQUIRE(group.each_partition_goes_on());
    child->send(SIGKILL);
    REQUIRE(group.each_partition_goes_on());

    second->stop();
    CHECK(second->state().errors.empty());
    REQUIRE(group.each_partition_goes_on());
    CHECK(owned(*first) == partitions);
    first->stop();
    CHECK(first->state().errors.empty());
    group.check_order();
  });
}

TEST_CASE("of two members with one group.instance.id one ends, and says what to do") {
  on_real_broker([](test_broker& broker) {
    auto protocol = GENERATE(group_protocol::fixed, group_protocol::consumer);
    INFO(name_of(protocol));
    group_rig group{broker, protocol};
    auto join = [&] {
      auto cfg = group.with.config(group.in);
      cfg.kafka = properties_of(protocol, "the same");
      cfg.kafka["group.instance.id"] = "the same";
      auto source = std::make_unique<event_source<>>(group.with.system, cfg);
      source->on_default([](context<>&, const record&) { return complete; });
      require_ok(source->start());
      return source;
    };
    auto first = join();
    REQUIRE(eventually([&] { return owned(*first) == partitions; }));
    auto second = join();
    std::vector<std::string> errors;
    REQUIRE(eventually([&] {
      for (auto* each : {first.get(), second.get()})
        for (auto& error : each->state().errors)
          errors.push_back(error);
      return !errors.empty();
    }));
    CHECK_THAT(errors.front(), Catch::Contains("group.instance.id of its own"));
  });
}
