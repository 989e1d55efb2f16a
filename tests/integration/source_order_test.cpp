// The main job on a broker: records in, slow work for many keys at once, outputs in key order,
// offsets committed.
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <random>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

constexpr int records = 400;
constexpr int keys = 20;

outcome forward_value(context<>& ctx, const std::string& out) {
  auto& rec = ctx.input();
  ctx.forward({.topic = out, .key = std::string{rec.key}, .value = std::string{rec.value}});
  return complete;
}

int64_t total(const std::vector<int64_t>& offsets) {
  int64_t result = 0;
  for (auto offset : offsets)
    result += std::max<int64_t>(offset, 0);
  return result;
}

/// Every key's numbers from 0 on, in order, nothing missing or twice.
void require_key_order(const std::vector<record>& out) {
  auto sorted = by_key(out);
  REQUIRE(sorted.size() == keys);
  for (auto& [key, values] : sorted) {
    INFO("key " << key);
    REQUIRE(values.size() == records / keys);
    for (size_t i = 0; i < values.size(); ++i)
      REQUIRE(values[i] == std::to_string(i));
  }
}

template <class Define>
void run_and_check(test_broker& broker, Define define) {
  source_fixture with{broker};
  auto in = broker.new_topic(4);
  auto out = broker.new_topic(4);
  send(broker, keyed(in, records, keys));
  event_source<> source{with.system, with.config(in)};
  define(source, out);
  require_ok(source.start());
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    return source.state().out == records;
  }));
  source.stop();
  auto state = source.state();
  CHECK(state.errors.empty());
  CHECK_FALSE(state.running);
  CHECK(total(with.committed(in)) == records);
  require_key_order(with.read_back(out, records));
}

} // namespace

TEST_CASE("I1, I12: inline handlers forward every record and all offsets are committed") {
  on_each_broker([](test_broker& broker) {
    run_and_check(broker, [](event_source<>& source, const std::string& out) {
      source.on_default([out](context<>& ctx, const record&) { return forward_value(ctx, out); });
    });
  });
}

TEST_CASE("a compute stage keeps each key in order") {
  on_each_broker([](test_broker& broker) {
    run_and_check(broker, [](event_source<>& source, const std::string& out) {
      auto stage = source.stage<int, int>(
        "twice", compute([](std::string_view, int& x) { return 2 * x; }),
        [out](context<>& ctx, std::string_view, int& x, caf::expected<int> twice) {
          if (*twice != 2 * x)
            throw std::logic_error{"a wrong result"};
          return forward_value(ctx, out);
        });
      source.on_default([stage](context<>& ctx, const record& rec) {
        return stage.schedule(ctx, rec.key, std::stoi(std::string{rec.value}));
      });
    });
  });
}

TEST_CASE("I3: blocking calls of a key never overlap, and keys work at once") {
  on_each_broker([](test_broker& broker) {
    struct watch {
      std::atomic<int> running{0};
      std::atomic<int> most{0};
      std::array<std::atomic<int>, keys> of_key{};
      std::atomic<bool> overlapped{false};
    };
    auto seen = std::make_shared<watch>();
    run_and_check(broker, [seen](event_source<>& source, const std::string& out) {
      auto call = [seen](std::string_view key, int&) -> caf::expected<int> {
        auto& own = seen->of_key[static_cast<size_t>(std::stoi(std::string{key.substr(1)}))];
        if (own.fetch_add(1) != 0)
          seen->overlapped = true;
        auto now = ++seen->running;
        for (auto most = seen->most.load();
             most < now && !seen->most.compare_exchange_weak(most, now);) {}
        std::this_thread::sleep_for(1ms); // the slow call
        --seen->running;
        --own;
        return 1;
      };
      auto stage = source.stage<int, int>(
        "slow", blocking(call),
        [out](context<>& ctx, std::string_view, int&, caf::expected<int>) {
          return forward_value(ctx, out);
        },
        stage_limits{.concurrency = 16});
      source.on_default(
        [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
    });
    CHECK_FALSE(seen->overlapped);
    CHECK(seen->most > 1);
    CHECK(seen->most <= 16);
  });
}

TEST_CASE("finalizers chain into a further stage and keep the key's order") {
  on_each_broker([](test_broker& broker) {
    run_and_check(broker, [](event_source<>& source, const std::string& out) {
      auto second = source.stage<std::string, std::string>(
        "second", blocking([](std::string_view, std::string& x) { return x + "!"; }),
        [out](context<>& ctx, std::string_view, std::string&, caf::expected<std::string> x) {
          if (x->back() != '!')
            throw std::logic_error{"a wrong result"};
          return forward_value(ctx, out);
        },
        wide_network);
      auto first = source.stage<int, std::string>(
        "first", compute([](std::string_view key, int&) { return std::string{key}; }),
        [second](context<>& ctx, std::string_view key, int&, caf::expected<std::string> x) {
          return second.schedule(ctx, key, std::move(*x));
        });
      source.on_default(
        [first](context<>& ctx, const record& rec) { return first.schedule(ctx, rec.key, 1); });
    });
  });
}

TEST_CASE("serial key turns run a key's next handler when its earlier event is complete") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    send(broker, keyed(in, 60, 3));
    auto cfg = with.config(in);
    cfg.key_turns = key_turns::serial;
    event_source<> source{with.system, cfg};
    std::map<std::string, int> open; // one partition: its thread only
    std::atomic<bool> overlapped{false};
    auto stage = source.stage<int, int>(
      "slow", blocking([](std::string_view, int&) { return 1; }),
      [&](context<>&, std::string_view key, int&, caf::expected<int>) {
        --open[std::string{key}];
        return complete;
      },
      wide_network);
    source.on_default([&, stage](context<>& ctx, const record& rec) {
      if (open[std::string{rec.key}]++ != 0)
        overlapped = true;
      return stage.schedule(ctx, rec.key, 1);
    });
    require_ok(source.start());
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return source.state().out == 60;
    }));
    source.stop();
    CHECK_FALSE(overlapped);
  });
}
