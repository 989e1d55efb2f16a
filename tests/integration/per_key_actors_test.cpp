// One actor per key, with state of its own, in a running source.
#include "tests/integration/source_fixture.hpp"

#include <keyloom/handler_actor.hpp>

#include <caf/actor_ostream.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <set>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

/// How many counters are alive, by their states.
struct census {
  std::atomic<int> alive{0};
  std::atomic<int> most{0};
};

/// Counts the jobs it was asked; answers with their number, or -1 to a key that is not its own.
struct counter_state {
  counter_state(caf::event_based_actor*, std::string own_key, census* all)
    : key(std::move(own_key)), counted(all) {
    auto now = ++counted->alive;
    for (auto seen = counted->most.load();
         seen < now && !counted->most.compare_exchange_weak(seen, now);) {}
  }
  ~counter_state() { --counted->alive; }

  caf::behavior make_behavior() {
    return {[this](const std::string& asked, int) { return asked == key ? ++jobs : -1; }};
  }

  std::string key;
  census* counted;
  int jobs = 0;
};

auto counter(census& all) {
  return [&all](caf::actor_system& sys, const std::string& key) {
    return sys.spawn<caf::stateful_actor<counter_state>>(key, &all);
  };
}

} // namespace

TEST_CASE("I3: each key has an actor of its own, which keeps its state from run to run") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(4), out = broker.new_topic(4);
    constexpr int records = 1000, keys = 50;
    census all;
    send(broker, keyed(in, records / 2, keys));
    event_source<> source{with.system, with.config(in)};
    auto stage = source.stage<int, int>(
      "count", per_key_actor(counter(all)),
      [out](context<>& ctx, std::string_view key, int&, caf::expected<int> x) -> outcome {
        if (!x)
          return x.error();
        ctx.forward({.topic = out, .key = std::string{key}, .value = std::to_string(*x)});
        return complete;
      },
      wide_network);
    source.on_default(
      [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
    require_ok(source.start());
    auto out_now = [&](uint64_t count) {
      return eventually([&] {
        std::this_thread::yield();
        return source.state().out == count;
      });
    };
    REQUIRE(out_now(records / 2));
    send(broker, keyed(in, records / 2, keys)); // all keys were idle meanwhile
    REQUIRE(out_now(records));
    auto state = source.state();
    CHECK(state.stages[0].actors_made == keys);
    CHECK(state.stages[0].actors_alive == keys);
    CHECK(all.alive == keys);
    source.stop();
    CHECK(all.alive == 0);
    for (auto& [key, values] : by_key(with.read_back(out, records)))
      for (size_t i = 0; i < values.size(); ++i)
        CHECK(values[i] == std::to_string(i + 1));
  });
}

TEST_CASE(
  "10,000 keys with an actor each and a limit of 1,000: never more are alive, and all is done") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(4);
  constexpr int records = 20'000, keys = 10'000, limit = 1000;
  send(broker, keyed(in, records, keys));
  census all;
  std::atomic<int> wrong{0};
  event_source<> source{with.system, with.config(in)};
  auto stage = source.stage<int, int>(
    "count", per_key_actor(counter(all), limit),
    [&](context<>&, std::string_view, int&, caf::expected<int> x) -> outcome {
      wrong += x && *x > 0 ? 0 : 1;
      return complete;
    },
    wide_network);
  source.on_default(
    [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  require_ok(source.start());
  REQUIRE(eventually(
    [&] {
      std::this_thread::yield();
      return source.state().out == records;
    },
    4 * patience));
  auto state = source.state();
  source.stop();
  CHECK(wrong == 0);
  CHECK(all.most <= limit);
  CHECK(all.alive == 0);
  CHECK(state.errors.empty());
  CHECK(state.stages[0].actors_made >= keys);
  CHECK(state.stages[0].actors_evicted
        == state.stages[0].actors_made - state.stages[0].actors_alive);
}

TEST_CASE("a per-key actor that dies is made again for its key, without the state it had") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  caf::actor_ostream::redirect_all(with.system, "/dev/null"); // it throws on purpose
  auto in = broker.new_topic(1);
  send(broker, keyed(in, 20, 2)); // each key counts from 0 to 9
  auto cfg = with.config(in);
  cfg.on_error = failure_action::skip;
  event_source<> source{with.system, cfg};
  std::map<std::string, std::vector<int>> answers; // one partition: its thread only
  auto stage = source.stage<int, int>(
    "count", per_key_actor([](caf::actor_system& sys, const std::string& key) {
      return sys.spawn([key](caf::stateful_actor<int>* self) -> caf::behavior {
        self->state = 0;
        return {[self, key](const std::string&, int x) {
          if (key == "k1" && x == 4)
            throw std::runtime_error("a bad job");
          return ++self->state;
        }};
      });
    }),
    [&](context<>&, std::string_view key, int&, caf::expected<int> x) -> outcome {
      if (!x)
        return x.error();
      answers[std::string{key}].push_back(*x);
      return complete;
    },
    wide_network);
  source.on_default([stage](context<>& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, std::stoi(std::string{rec.value}));
  });
  require_ok(source.start());
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    return source.state().out == 20;
  }));
  auto state = source.state();
  source.stop();
  CHECK(answers["k0"] == std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(answers["k1"] == std::vector<int>{1, 2, 3, 4, 1, 2, 3, 4, 5});
  CHECK(state.skipped == 1);
  CHECK(state.stages[0].actors_made == 4); // k0's, and three of k1
}
