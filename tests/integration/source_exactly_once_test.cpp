// A source under exactly once, from record to commit, on a real broker: what a reader of committed
// records finds, and what a second source finds in the store.
#include "runtime/core/completion_map.hpp"
#include "tests/integration/counting_rig.hpp"

#include <catch2/catch.hpp>

#include <future>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

/// The digest of a partition's store, taken in a turn.
uint64_t digest_of(counting_source& source, int32_t partition) {
  uint64_t result = 0;
  auto out = source.interject(partition, [&result](context<counts>& ctx) {
    result = ctx.store().digest();
    return complete;
  });
  REQUIRE(out.wait_for(patience) == std::future_status::ready);
  require_ok(out.get());
  return result;
}

std::vector<std::string> keys_of(const std::vector<found_record>& records) {
  std::vector<std::string> result;
  for (auto& each : records)
    result.push_back(each.key);
  return result;
}

/// Takes no entry before it is let.
struct slow_store {
  std::shared_future<void> gate;
  void apply(const change&) const { gate.wait(); }
};

} // namespace

TEST_CASE("I7: under exactly once each record and interjection is in once, in order, with its "
          "changes and its offset, and a turn that throws is not") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker};
    auto cfg = rig.config();
    cfg.dead_letter_topic = broker.new_topic(1);
    cfg.on_error = failure_action::dead_letter;
    auto source = rig.bare_source(cfg);
    source->on_default([to = rig.out](context<counts>& ctx, const record& rec) {
      auto done = count_up(ctx, std::string{rec.key}, to);
      if (rec.value == "bad")
        throw std::runtime_error("a bad record");
      return done;
    });
    source->schedule_interjection(
      [to = rig.out](context<counts>& ctx, std::chrono::system_clock::time_point) {
        return count_up(ctx, "tick " + std::to_string(ctx.partition()), to);
      },
      20ms);
    std::vector<outgoing_record> bad;
    for (int32_t p = 0; p < rig.partitions; ++p)
      for (const auto* key : {"-0", "-never"})
        bad.push_back(
          {.topic = rig.in, .key = std::to_string(p) + key, .value = "bad", .partition = p});
    rig.send_round(50);
    send(broker, bad);
    rig.send_round(50);
    rig.sent += 2; // the bad ones
    require_ok(source->start());
    REQUIRE(rig.all_committed());
    REQUIRE(eventually([&] { return source->state().interjections > 5; }));
    source->stop();
    CHECK(source->state().errors.empty());
    CHECK(source->state().dead_lettered == 4);

    auto outputs = counting_rig::values_by_key(rig.read_committed(rig.out));
    CHECK(outputs.size() == 12);
    for (auto& [key, values] : outputs) {
      INFO("key " << key);
      auto ticks = key.starts_with("tick");
      CHECK(values == counting_rig::numbers(ticks ? static_cast<int64_t>(values.size()) : 100));
      CHECK(values.size() > 1);
    }
    rig.check_change_log(outputs); // nothing of "never" is in it
    auto letters = keys_of(rig.read_committed(cfg.dead_letter_topic));
    std::sort(letters.begin(), letters.end());
    CHECK(letters == std::vector<std::string>{"0-0", "0-never", "1-0", "1-never"});

    auto second = rig.source(rig.config());
    require_ok(second->start());
    REQUIRE(has_active(*second, 2));
    for (int32_t p = 0; p < rig.partitions; ++p) {
      std::string found;
      auto out = second->interject(p, [&found](context<counts>& ctx) {
        const auto* ticks = ctx.store().find("tick " + std::to_string(ctx.partition()));
        found = ticks != nullptr ? std::to_string(*ticks) : "none";
        return complete;
      });
      REQUIRE(out.wait_for(patience) == std::future_status::ready);
      require_ok(out.get());
      CHECK(found == outputs["tick " + std::to_string(p)].back());
    }
    // Commits are numbered, so that one whose outcome is unknown is not taken for another.
    for (auto& each :
         require_value(rig.asks->stable_offsets(cfg.group, {{rig.in, 0}, {rig.in, 1}}, patience))) {
      auto mark = core::decode(each.metadata, each.offset).map.mark;
      REQUIRE(mark);
      CHECK(mark->number > 0);
    }
  });
}

TEST_CASE("I7: outputs with headers and without keep the order of their key") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker, 1};
    auto cfg = rig.with.config(rig.in);
    cfg.exactly_once = true;
    event_source<> source{rig.with.system, cfg};
    source.on_default([to = rig.out](context<>& ctx, const record& rec) {
      if (rec.offset % 3 != 1)
        ctx.forward(rec, to);
      else
        ctx.forward({.topic = to,
                     .key = std::string{rec.key},
                     .value = std::string{rec.value},
                     .headers = {{"name", "value"}}});
      return complete;
    });
    auto expected = counting_rig::numbers(500);
    std::vector<outgoing_record> records;
    for (auto& each : expected)
      records.push_back({.topic = rig.in, .key = "k", .value = each});
    send(broker, records);
    require_ok(source.start());
    REQUIRE(eventually([&] { return rig.with.committed(rig.in) == std::vector<int64_t>{500}; }));
    source.stop();
    std::vector<std::string> found;
    for (auto& each : rig.read_committed(rig.out))
      found.push_back(each.value);
    CHECK(found == expected);
  });
}

TEST_CASE("I7: a second source restores what the first had, and counts on without a hole") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker};
    rig.send_round(300);
    auto first = rig.source(rig.config());
    require_ok(first->start());
    REQUIRE(rig.all_committed());
    auto digests = std::vector{digest_of(*first, 0), digest_of(*first, 1)};
    first->stop();
    CHECK(first->state().errors.empty());
    CHECK(rig.read_committed(rig.changes).size() < 3000); // the last one of a transaction each

    auto cfg = rig.config();
    cfg.full_change_log = true;
    auto second = rig.source(cfg);
    require_ok(second->start());
    REQUIRE(has_active(*second, 2));
    CHECK(digest_of(*second, 0) == digests[0]);
    CHECK(digest_of(*second, 1) == digests[1]);
    CHECK(digests[0] != digests[1]);
    for (auto& each : second->state().partitions) {
      CHECK(each.restore.entries > 0);
      CHECK(each.restore.bytes > 0);
      CHECK(each.restore.seconds > 0);
      CHECK(each.restore.remaining == 0);
      CHECK(each.store_size == 5U);
      CHECK(each.store_digest == digests.at(static_cast<size_t>(each.partition)));
    }
    auto before = rig.read_committed(rig.changes).size();
    rig.send_round(100);
    REQUIRE(rig.all_committed());
    second->stop();
    CHECK(second->state().errors.empty());
    CHECK(rig.read_committed(rig.changes).size() == before + 1000); // each one
    rig.check_counts();
  });
}

TEST_CASE("while its store is restored a partition says how far it is") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker, 1};
    rig.send_round(10);
    {
      auto first = rig.source(rig.config());
      require_ok(first->start());
      REQUIRE(rig.all_committed());
      first->stop();
    }
    std::unique_ptr<event_source<slow_store>> second;
    std::promise<void> goes_on; // destroyed first, so that nothing hangs when the test fails
    second = std::make_unique<event_source<slow_store>>(rig.with.system, rig.config(),
                                                        [gate = goes_on.get_future().share()] {
                                                          return slow_store{gate};
                                                        });
    second->on_default([](context<slow_store>&, const record&) { return complete; });
    require_ok(second->start());
    partition_state seen;
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      auto state = second->state();
      if (!state.partitions.empty())
        seen = state.partitions.front();
      return seen.restore.remaining > 0;
    }));
    CHECK(seen.lifecycle == lifecycle::restoring);
    CHECK(seen.restore.entries == 0);
    goes_on.set_value();
    REQUIRE(has_active(*second, 1));
    seen = second->state().partitions.front();
    CHECK(seen.restore.entries >= 5);
    CHECK(seen.restore.remaining == 0);
    CHECK(!seen.store_size);
    second->stop();
  });
}

TEST_CASE("a job that takes longer than the transaction timeout holds up its key alone") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker, 1};
    auto cfg = rig.config();
    cfg.transaction_timeout = 1s;
    auto source = rig.bare_source(cfg);
    std::promise<void> begun;
    std::promise<void> ends;
    auto stage = source->stage<int, void>(
      "call",
      blocking([&begun, &ends,
                first = std::make_shared<std::atomic<bool>>(true)](std::string_view key, int&) {
        if (key != "0-0" || !first->exchange(false))
          return;
        begun.set_value();
        ends.get_future().wait();
      }),
      [to = rig.out](context<counts>& ctx, std::string_view key, int&, caf::expected<void>) {
        return count_up(ctx, std::string{key}, to);
      },
      stage_limits{.concurrency = 4});
    source->on_default(
      [=](context<counts>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
    require_ok(source->start());
    rig.send_round();
    begun.get_future().wait();
    auto end = std::chrono::steady_clock::now() + 3 * cfg.transaction_timeout;
    auto others = [&] { // out, and in a transaction that is committed
      return eventually([&] {
        std::this_thread::yield();
        return source->state().out == static_cast<uint64_t>(rig.sent / 5 * 4);
      });
    };
    auto all_went_on = others();
    while (all_went_on && std::chrono::steady_clock::now() < end) {
      rig.send_round();
      all_went_on = others();
    }
    auto meanwhile = counting_rig::values_by_key(rig.read_committed(rig.out));
    ends.set_value();
    CHECK(all_went_on);
    CHECK(meanwhile.size() == 4);
    CHECK(meanwhile["0-1"] == counting_rig::numbers(rig.sent / 5));
    REQUIRE(rig.all_committed());
    source->stop();
    CHECK(source->state().errors.empty());
    rig.check_counts();
  });
}

TEST_CASE("I6 I7: a partition that moves between sources takes its counts along") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker, 4};
    auto first = rig.source(rig.config());
    auto second = rig.source(rig.config());
    require_ok(first->start());
    REQUIRE(has_active(*first, 4));
    auto while_sending = [&](auto condition) {
      return eventually([&] {
        rig.send_round(5);
        return condition();
      });
    };
    auto active = [](const counting_source& source) {
      auto state = source.state();
      return std::count_if(state.partitions.begin(), state.partitions.end(),
                           [](auto& each) { return each.lifecycle == lifecycle::active; });
    };
    require_ok(second->start());
    REQUIRE(while_sending([&] { return active(*second) == 2 && active(*first) == 2; }));
    auto out = second->state().out;
    REQUIRE(while_sending([&] { return second->state().out > out + 100; }));
    first->stop();
    REQUIRE(while_sending([&] { return active(*second) == 4; }));
    CHECK(first->state().errors.empty());
    REQUIRE(rig.all_committed());
    second->stop();
    CHECK(second->state().errors.empty());
    rig.check_counts();
  });
}

TEST_CASE("exactly once with a store needs a change log, and a real broker") {
  auto embedded = test_broker::embedded();
  source_fixture with{embedded};
  auto cfg = with.config(embedded.new_topic(1));
  cfg.exactly_once = true;
  {
    counting_source source{with.system, cfg, [] { return counts{}; }};
    source.on_default([](context<counts>&, const record&) { return complete; });
    auto err = source.start();
    INFO(describe(err));
    CHECK(err == errc::bad_config);
    CHECK_THAT(describe(err), Contains("change-log"));
  }
  event_source<> source{with.system, cfg};
  source.on_default([](context<>&, const record&) { return complete; });
  auto err = source.start();
  INFO(describe(err));
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Contains("real broker"));
}
