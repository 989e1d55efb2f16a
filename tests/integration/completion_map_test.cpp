// The completion map of a whole source: what was out beyond a straggler is not worked on again by
// whoever goes on, whether the one before was killed or stopped.
#include "runtime/core/completion_map.hpp"
#include "tests/integration/child_process.hpp"
#include "tests/integration/child_worker.hpp"
#include "tests/integration/mock_cluster.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <mutex>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

constexpr int count = 50; // beyond the straggler

using runs = std::vector<core::offset_run>;

/// One partition: the straggler's record, and `count` behind it.
std::vector<outgoing_record> straggler_and_others(const std::string& topic) {
  std::vector<outgoing_record> result{
    {.topic = topic, .key = "held", .value = "-", .partition = 0}};
  for (int i = 0; i < count; ++i)
    result.push_back({.topic = topic,
                      .key = "k" + std::to_string(i % 7),
                      .value = std::to_string(i),
                      .partition = 0});
  return result;
}

/// What the group has committed for partition 0.
kafka::partition_offset commit_of(source_fixture& with, const std::string& topic) {
  auto cluster = require_value(kafka::cluster::make(with.broker.address()));
  return require_value(cluster->group_offsets(with.group, topic, patience)).at(0);
}

runs beyond(const kafka::partition_offset& commit) {
  return core::decode(commit.metadata, commit.offset).map.out;
}

/// A source that notes which records its handler gets. Those of key "held" are never complete when
/// `holds`.
struct noting_source {
  noting_source(source_fixture& with, const source_config& cfg, bool holds = false)
    : source(with.system, cfg) {
    source.on_default([this, holds](context<>& ctx, const record& rec) -> outcome {
      {
        std::lock_guard guard{mutex};
        values.emplace_back(rec.value);
      }
      if (!holds || rec.key != "held")
        return complete;
      std::lock_guard guard{mutex};
      held.push_back(ctx.job_complete([](context<>&) { return complete; }));
      return incomplete;
    });
  }

  std::vector<std::string> handled() {
    std::lock_guard guard{mutex};
    return values;
  }

  bool reaches(uint64_t records) {
    return eventually([&] {
      auto state = source.state();
      return state.out + state.already_out == records;
    });
  }

  std::mutex mutex;
  std::vector<std::string> values; // guarded by mutex
  std::vector<job_completion> held;
  event_source<> source;
};

/// Commits as another program does.
void commit_by_hand(test_broker& broker, const std::string& group, const std::string& topic,
                    int64_t offset, const std::string& metadata) {
  member other{broker.consumer_config(group), topic};
  REQUIRE(other.owns(1));
  require_ok(other.consumer->commit_async({{{topic, 0}, offset, metadata}}));
  auto* answer = other.receives_event<kafka::offsets_committed>();
  REQUIRE(answer != nullptr);
  require_ok(answer->error);
}

} // namespace

TEST_CASE("I2, I12: after a kill, records that were out beyond a straggler are not handled again") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto out = broker.new_topic(1);
    send(broker, straggler_and_others(in));
    child_process child{{child_flag, "straggle", broker.address(), with.group, in, out}};
    auto known = eventually([&] { return beyond(commit_of(with, in)) == runs{{1, count + 1}}; });
    INFO(child.output());
    REQUIRE(known);
    CHECK(commit_of(with, in).offset == 0);
    child.send(SIGKILL);
    REQUIRE(child.exit_code() == 128 + SIGKILL);

    noting_source next{with, with.config(in)};
    require_ok(next.source.start());
    REQUIRE(next.reaches(count + 1));
    CHECK(next.handled() == std::vector<std::string>{"-"});
    CHECK(next.source.state().already_out == count);
    next.source.stop();
    CHECK(commit_of(with, in).offset == count + 1);
    CHECK(beyond(commit_of(with, in)).empty());
    with.read_back(out, count); // what the child had sent
  });
}

TEST_CASE("I2, I12: a stop that leaves a straggler behind commits what is out beyond it") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, straggler_and_others(in));
    auto cfg = with.config(in);
    cfg.commit_interval = 1h; // only the last commit counts
    cfg.stop_deadline = 100ms;
    noting_source first{with, cfg, true};
    require_ok(first.source.start());
    REQUIRE(first.reaches(count));
    first.source.stop();
    CHECK(commit_of(with, in).offset == 0);
    CHECK(beyond(commit_of(with, in)) == runs{{1, count + 1}});

    noting_source next{with, with.config(in)};
    require_ok(next.source.start());
    REQUIRE(next.reaches(count + 1));
    CHECK(next.handled() == std::vector<std::string>{"-"});
    next.source.stop();
    CHECK(with.committed(in) == std::vector<int64_t>{count + 1});
  });
}

TEST_CASE("an inherited map is handed on by an owner that gets nothing done") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, straggler_and_others(in));
    auto cfg = with.config(in);
    cfg.stop_deadline = 100ms;
    for (auto round = 0; round < 3; ++round) {
      noting_source source{with, cfg, true};
      require_ok(source.source.start());
      REQUIRE(source.reaches(count));
      CHECK(source.handled().size() == (round == 0 ? count + 1 : 1));
      source.source.stop();
      CHECK(beyond(commit_of(with, in)) == runs{{1, count + 1}});
    }
  });
}

TEST_CASE("a partition that is busy does not hold up the commits of others, nor their maps") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    std::vector<outgoing_record> records;
    for (auto* key : {"done", "held", "done", "busy"}) // in this order in partition 0
      records.push_back({.topic = in, .key = key, .value = key, .partition = 0});
    for (auto* key : {"held", "done"})
      records.push_back({.topic = in, .key = key, .value = key, .partition = 1});
    send(broker, records);
    auto cfg = with.config(in);
    cfg.stop_deadline = 100ms;
    std::mutex busy; // a handler must not block; this one does, as a user's might
    std::unique_lock lock{busy};
    std::atomic<bool> began{false};
    std::vector<job_completion> held[2];
    event_source<> source{with.system, cfg};
    source.on_default([&](context<>& ctx, const record& rec) -> outcome {
      if (rec.key == "busy") {
        began = true;
        std::lock_guard wait{busy};
      }
      if (rec.key != "held")
        return complete;
      held[ctx.partition()].push_back(ctx.job_complete([](context<>&) { return complete; }));
      return incomplete;
    });
    require_ok(source.start());
    REQUIRE(eventually([&] { return began.load(); }));
    auto partition_1 = [&] {
      auto cluster = require_value(kafka::cluster::make(broker.address()));
      return beyond(require_value(cluster->group_offsets(with.group, in, patience)).at(1));
    };
    CHECK(eventually([&] { return partition_1() == runs{{1, 2}}; }));
    lock.unlock();
    REQUIRE(eventually([&] { return source.state().out == 4; }));
    source.stop();
    CHECK(with.committed(in) == std::vector<int64_t>{1, 0});
    CHECK(beyond(commit_of(with, in)) == runs{{2, 4}});
  });
}

TEST_CASE("I2: metadata of another program, of a newer version, or damaged is ignored") {
  on_each_broker([](test_broker& broker) {
    auto in = broker.new_topic(1);
    send(broker, straggler_and_others(in));
    for (auto* metadata : {"of another program", "keyloom:2:unknown", "keyloom:1:damaged"}) {
      source_fixture with{broker};
      commit_by_hand(broker, with.group, in, 2, metadata);
      noting_source source{with, with.config(in)};
      require_ok(source.source.start());
      REQUIRE(source.reaches(count - 1));
      CHECK(source.handled().size() == count - 1);
      source.source.stop();
      CHECK(with.committed(in) == std::vector<int64_t>{count + 1});
    }
  });
}

TEST_CASE("a broker that takes less metadata gets shorter maps, and commits go on") {
  mock_cluster cluster;
  auto broker = test_broker::real(cluster.address()); // as seen by its clients
  source_fixture with{broker};
  auto in = test_broker::new_name("map");
  cluster.create_topic(in, 1);
  send(broker, straggler_and_others(in));
  cluster.refuse_metadata(2);
  auto cfg = with.config(in);
  cfg.stop_deadline = 100ms;
  noting_source source{with, cfg, true};
  require_ok(source.source.start());
  CHECK(eventually([&] { return beyond(commit_of(with, in)) == runs{{1, count + 1}}; }));
  CHECK(source.source.state().errors.empty());
}
