// What a source shows of itself: the numbers of `state`, and what only its partitions know.
#include "tests/integration/held_calls.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <semaphore>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

/// Two partitions; the first has a key whose call hangs, and another that does not.
std::string with_a_hanging_key(test_broker& broker) {
  auto topic = broker.new_topic(2);
  send(broker, {{.topic = topic, .key = "fine", .value = "1", .partition = 0},
                {.topic = topic, .key = "slow", .value = "1", .partition = 0},
                {.topic = topic, .key = "slow", .value = "2", .partition = 0},
                {.topic = topic, .key = "fine", .value = "2", .partition = 1}});
  return topic;
}

} // namespace

TEST_CASE("the full state names the key that hangs, its stage and age, and how far behind it is") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = with_a_hanging_key(broker);
  held_calls calls;
  auto cfg = with.config(in);
  cfg.stall_warning = 100ms;
  event_source<> source{with.system, cfg};
  hold_slow_key(source, calls);
  require_ok(source.start());
  source_state seen;
  REQUIRE(eventually([&] {
    seen = source.full_state().get();
    return seen.out == 2 && seen.partitions.size() == 2 && seen.partitions[0].end == 3
           && !seen.partitions[0].stall.empty() && seen.commit.pending == 0;
  }));
  CHECK(seen.running);
  CHECK(seen.group == with.group);
  CHECK(seen.topic == in);
  REQUIRE(seen.keys.size() == 1);
  auto& slow = seen.keys[0];
  CHECK(slow.topic == in);
  CHECK(slow.partition == 0);
  CHECK(slow.oldest.key == "slow");
  CHECK(slow.oldest.stage == "hold");
  CHECK(slow.oldest.age >= 100ms);
  CHECK(slow.jobs == 2);
  auto& first = seen.partitions[0];
  CHECK(first.lifecycle == lifecycle::active);
  CHECK(first.lag == 2);
  CHECK(first.held_bytes > 0);
  CHECK(first.oldest_age >= 100ms);
  REQUIRE(first.oldest);
  CHECK(to_string(*first.oldest) == first.stall); // I10: what the log says
  CHECK(to_string(slow.oldest) == first.stall);
  CHECK(seen.partitions[1].lag == 0);
  CHECK_FALSE(seen.partitions[1].oldest);
  REQUIRE(seen.stages.size() == 1);
  CHECK(seen.stages[0].kind == processor_kind::blocking);
  CHECK(seen.stages[0].limits.concurrency == 3);
  CHECK(seen.stages[0].running == 1);
  CHECK(seen.workers.busy == 1);
  CHECK(seen.workers.threads >= 1);
  CHECK(seen.budget == cfg.budget);
  CHECK_FALSE(seen.commit.exactly_once);
  CHECK(seen.commit.took > 0us);
  calls.let_go();
  REQUIRE(eventually([&] { return source.full_state().get().keys.empty(); }));
  source.stop();
}

TEST_CASE("the full state comes while a handler does not return, and says so") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, numbered(in, 0, 3));
  std::binary_semaphore release{0};
  event_source<> source{with.system, with.config(in)};
  source.on_default([&release](context<>& ctx, const record&) {
    if (ctx.offset() == 0)
      release.acquire();
    return complete;
  });
  require_ok(source.start());
  source_state seen;
  auto told = eventually([&] {
    seen = source.full_state().get();
    return !seen.keys.empty();
  });
  release.release();
  REQUIRE(told);
  CHECK(seen.keys[0].oldest.waits_for
        == "a handler or finalizer to return, of it or of a later event");
  source.stop();
}

TEST_CASE("whoever asks for the full state is answered, whether the source runs or is ending") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  event_source<> source{with.system, with.config(in)};
  source.on_default([](context<>&, const record&) { return complete; });
  CHECK_FALSE(source.full_state().get().running);
  require_ok(source.start());
  std::vector<std::future<source_state>> asked;
  std::thread asking{[&] {
    for (int i = 0; i < 1000; ++i)
      asked.push_back(source.full_state());
  }};
  source.stop();
  asking.join();
  for (auto& each : asked)
    REQUIRE(each.wait_for(10s) == std::future_status::ready);
  CHECK_FALSE(source.full_state().get().running);
}
