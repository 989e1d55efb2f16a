// Handler actors in a running source: typed and not, answering at once and later, dying, giving
// wrong answers, and not answering at all.
#include "actors/send.hpp"
#include "tests/integration/source_fixture.hpp"

#include <keyloom/handler_actor.hpp>

#include <caf/actor_ostream.hpp>
#include <caf/scoped_actor.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

using echo = caf::typed_actor<caf::result<int>(std::string, int)>;

/// Waits until the source has dealt with so many records.
void wait_until_out(const event_source<>& source, uint64_t count) {
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    return source.state().out == count || !source.state().errors.empty();
  }));
}

int number(const record& rec) {
  return std::stoi(std::string{rec.value});
}

/// Forwards the record with the stage's answer as value.
outcome forward_answer(context<>& ctx, const std::string& out, const caf::expected<int>& answer) {
  if (!answer)
    return answer.error();
  ctx.forward(
    {.topic = out, .key = std::string{ctx.input().key}, .value = std::to_string(*answer)});
  return complete;
}

struct late_state {
  std::vector<std::pair<caf::response_promise, int>> waiting;
};

/// Answers with the job, but not at once: when it comes to a message of its own. Throws at jobs
/// that `bad` names, and so takes down those it has not answered.
caf::behavior late_echo(caf::stateful_actor<late_state>* self, bool (*bad)(int)) {
  return {[self, bad](const std::string&, int x) {
            if (bad(x))
              throw std::runtime_error("a bad job");
            auto promise = self->make_response_promise();
            if (self->state.waiting.empty())
              self->send(self, caf::ok_atom_v);
            self->state.waiting.emplace_back(promise, x);
            return promise;
          },
          [self](caf::ok_atom) {
            for (auto& [answer, value] : std::exchange(self->state.waiting, {}))
              answer.deliver(value);
          }};
}

auto late_echo_unless(bool (*bad)(int)) {
  return [bad](caf::actor_system& sys) { return sys.spawn(late_echo, bad); };
}

} // namespace

TEST_CASE("records pass a typed actor that answers by value and an untyped one that answers later, "
          "in key order") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(3), out = broker.new_topic(3);
    constexpr int records = 300, keys = 30;
    send(broker, keyed(in, records, keys));
    event_source<> source{with.system, with.config(in)};
    auto later = source.stage<int, int>(
      "later", shared_actor(late_echo_unless([](int) { return false; })),
      [out](context<>& ctx, std::string_view, int&, caf::expected<int> x) {
        return forward_answer(ctx, out, x);
      },
      wide_network);
    auto now = source.stage<int, int>(
      "now", shared_actor([](caf::actor_system& sys) {
        return sys.spawn(
          []() -> echo::behavior_type { return {[](const std::string&, int x) { return x; }}; });
      }),
      [later](context<>& ctx, std::string_view key, int&, caf::expected<int> x) -> outcome {
        return x ? later.schedule(ctx, key, int{*x}) : outcome{x.error()};
      },
      wide_network);
    source.on_default(
      [now](context<>& ctx, const record& rec) { return now.schedule(ctx, rec.key, number(rec)); });
    require_ok(source.start());
    wait_until_out(source, records);
    source.stop();
    CHECK(source.state().errors.empty());
    for (auto& [key, values] : by_key(with.read_back(out, records)))
      for (size_t i = 0; i < values.size(); ++i)
        CHECK(values[i] == std::to_string(i));
  });
}

TEST_CASE(
  "an actor that throws on every hundredth job: it fails alone, the rest goes on in key order") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    caf::actor_ostream::redirect_all(with.system, "/dev/null"); // it throws on purpose
    auto in = broker.new_topic(4), out = broker.new_topic(4);
    constexpr int records = 2000, keys = 20; // each key counts from 0 to 99
    send(broker, keyed(in, records, keys));
    auto cfg = with.config(in);
    cfg.on_error = failure_action::skip;
    event_source<> source{with.system, cfg};
    std::atomic<int> tries{0};
    auto stage = source.stage<int, int>(
      "fragile", shared_actor([&tries](caf::actor_system& sys) {
        return sys.spawn([&tries]() -> echo::behavior_type {
          return {[&tries](const std::string&, int x) {
            if (x % 100 == 50) {
              ++tries;
              throw std::runtime_error("a bad job");
            }
            return x;
          }};
        });
      }),
      [out](context<>& ctx, std::string_view, int&, caf::expected<int> x) {
        return forward_answer(ctx, out, x);
      },
      wide_network);
    source.on_default([stage](context<>& ctx, const record& rec) {
      return stage.schedule(ctx, rec.key, number(rec));
    });
    require_ok(source.start());
    wait_until_out(source, records);
    auto running = source.state();
    REQUIRE(running.stages.size() == 1);
    CHECK(running.stages[0].name == "fragile");
    CHECK(running.stages[0].actors_made == 2 * keys + 1); // one more for each death
    CHECK(running.stages[0].running == 0);
    CHECK(running.stages[0].waiting == 0);
    source.stop();
    CHECK(source.state().stages[0].actors_alive == 0);
    CHECK(source.state().skipped == keys);
    CHECK(tries == 2 * keys);
    auto sorted = by_key(with.read_back(out, records - keys));
    REQUIRE(sorted.size() == keys);
    for (auto& [key, values] : sorted) {
      REQUIRE(values.size() == 99);
      for (size_t i = 0; i < values.size(); ++i)
        CHECK(values[i] == std::to_string(i < 50 ? i : i + 1));
    }
  });
}

TEST_CASE("jobs that an actor held when it threw at another do not fail, however often it does") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    caf::actor_ostream::redirect_all(with.system, "/dev/null"); // it throws on purpose
    auto in = broker.new_topic(4);
    constexpr int records = 2000, keys = 40; // each key counts from 0 to 49
    send(broker, keyed(in, records, keys));
    for (uint32_t instances : {1, 3}) {
      auto cfg = with.config(in);
      cfg.group += std::to_string(instances);
      cfg.on_error = failure_action::skip;
      event_source<> source{with.system, cfg};
      std::map<std::string, std::vector<int>> innocent, guilty; // by key; of the finalizer
      std::mutex mutex;
      auto stage = source.stage<int, int>(
        "fragile", actor_pool(instances, late_echo_unless([](int x) { return x % 10 == 9; })),
        [&](context<>&, std::string_view key, int& job, caf::expected<int> x) {
          std::lock_guard guard{mutex};
          (x ? innocent : guilty)[std::string{key}].push_back(job);
          return complete;
        },
        stage_limits{.concurrency = 20});
      source.on_default([stage](context<>& ctx, const record& rec) {
        return stage.schedule(ctx, rec.key, number(rec));
      });
      require_ok(source.start());
      wait_until_out(source, records);
      source.stop();
      REQUIRE(innocent.size() == keys);
      for (auto& [key, jobs] : innocent) {
        CHECK(guilty[key] == std::vector<int>{9, 19, 29, 39, 49});
        CHECK(jobs.size() == 45);
        CHECK(std::is_sorted(jobs.begin(), jobs.end()));
      }
    }
  });
}

TEST_CASE("an answer of a wrong type stops the partition with stage, key, partition and offset") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, keyed(in, 30, 3));
    event_source<> source{with.system, with.config(in)};
    auto stage = source.stage<int, int>(
      "typo", shared_actor([](caf::actor_system& sys) {
        return sys.spawn([]() -> caf::behavior {
          return {[](const std::string& key, int x) -> caf::result<caf::message> {
            return key == "k1" && x == 4 ? caf::make_message("a text") : caf::make_message(x);
          }};
        });
      }),
      wide_network);
    source.on_default([stage](context<>& ctx, const record& rec) {
      return stage.schedule(ctx, rec.key, number(rec));
    });
    require_ok(source.start());
    wait_until_out(source, 30);
    auto state = source.state();
    source.stop();
    REQUIRE(state.errors.size() == 1);
    CHECK_THAT(state.errors[0], Catch::Contains("partition 0, offset 13, key 'k1', stage 'typo'")
                                  && Catch::Contains("another type than the stage's result"));
    CHECK(with.committed(in)[0] <= 13);
  });
}

TEST_CASE(
  "I9: an actor that never answers does not hold up a stop beyond its deadline, and is ended") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(2);
  send(broker, keyed(in, 40, 10));
  auto cfg = with.config(in);
  cfg.stop_deadline = 300ms;
  auto before = with.system.registry().running();
  {
    event_source<> source{with.system, cfg};
    std::atomic<int> asked{0};
    auto stage = source.stage<int, int>(
      "silent", shared_actor([&asked](caf::actor_system& sys) {
        return sys.spawn(
          [&asked](caf::stateful_actor<std::vector<caf::response_promise>>* self) -> caf::behavior {
            return {[self, &asked](const std::string&, int) {
              ++asked;
              return self->state.emplace_back(self->make_response_promise());
            }};
          });
      }),
      wide_network);
    source.on_default(
      [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
    require_ok(source.start());
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return asked == 10;
    }));
    CHECK(source.state().stages[0].running == 10);
    auto begin = std::chrono::steady_clock::now();
    source.stop();
    CHECK(std::chrono::steady_clock::now() - begin < patience / 2);
    CHECK(source.state().stages[0].actors_alive == 0);
  }
  CHECK(with.system.registry().running() == before);
  for (auto offset : with.committed(in))
    CHECK(offset <= 0);
}

TEST_CASE(
  "I6: an answer that comes after the partition was given up finalizes and commits nothing") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, keyed(in, 6, 3));
  auto cfg = with.config(in);
  cfg.stop_deadline = 100ms;
  std::atomic<int> asked{0}, finalized{0};
  auto keeper = with.system.spawn(
    [&asked](
      caf::stateful_actor<std::vector<caf::typed_response_promise<int>>>* self) -> caf::behavior {
      return {[self, &asked](const std::string&, int) -> caf::result<int> {
                ++asked;
                return self->state.emplace_back(self->make_response_promise<int>());
              },
              [self](caf::ok_atom) {
                for (auto& each : self->state)
                  each.deliver(1);
                return caf::ok_atom_v;
              }};
    });
  event_source<> source{with.system, cfg};
  auto stage = source.stage<int, int>(
    "late", bare_actor(keeper),
    [&](context<>&, std::string_view, int&, caf::expected<int>) {
      ++finalized;
      return complete;
    },
    wide_network);
  source.on_default(
    [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  require_ok(source.start());
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    return asked == 3;
  }));
  source.stop();
  caf::scoped_actor self{with.system};
  self->request(keeper, caf::infinite, caf::ok_atom_v)
    .receive([](caf::ok_atom) {}, [](caf::error& reason) { FAIL(to_string(reason)); });
  CHECK(finalized == 0);
  CHECK(asked == 3);
  CHECK(with.committed(in)[0] <= 0);
  actors::end(keeper);
}
