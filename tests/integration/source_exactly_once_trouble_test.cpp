// What a source under exactly once does when a process dies or freezes, when two have one identity,
// when the broker refuses or restarts, and when its state does not belong together. Real brokers.
#include "tests/integration/child_process.hpp"
#include "tests/integration/counting_child.hpp"
#include "tests/integration/counting_rig.hpp"
#include "tests/integration/own_broker.hpp"
#include "tests/integration/topic_admin.hpp"

#include <catch2/catch.hpp>

#include <future>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

std::vector<std::string> child_arguments(const counting_rig& rig, const std::string& instance) {
  return {counting_child_flag,
          rig.with.broker.address(),
          rig.with.group,
          rig.in,
          rig.out,
          rig.changes,
          instance};
}

/// Commits by hand, as an administrator does, or a program without keyloom.
void commit(const counting_rig& rig, int64_t offset) {
  member other{rig.with.broker.consumer_config(rig.with.group), rig.in};
  REQUIRE(other.owns(static_cast<size_t>(rig.partitions)));
  for (int32_t p = 0; p < rig.partitions; ++p) {
    require_ok(other.consumer->commit_async({{{rig.in, p}, offset, ""}}));
    const auto* answer = other.receives_event<kafka::offsets_committed>();
    REQUIRE(answer != nullptr);
    require_ok(answer->error);
  }
}

/// Runs a source until everything is committed.
void run_once(counting_rig& rig) {
  auto source = rig.source(rig.config());
  require_ok(source->start());
  REQUIRE(rig.all_committed());
  source->stop();
  CHECK(source->state().errors.empty());
}

} // namespace

TEST_CASE("I2 I7: a process that is killed in the middle, and started again, repeats nothing and "
          "leaves nothing out") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker};
    auto instance = test_broker::new_name("instance");
    for (int i = 0; i < 2; ++i) {
      auto before = rig.committed_records();
      rig.send_round(400);
      child_process child{child_arguments(rig, instance)};
      REQUIRE(eventually([&] {
        std::this_thread::yield();
        return rig.committed_records() > before + 500;
      }));
      child.send(SIGKILL);
      CHECK(child.exit_code() == 128 + SIGKILL);
      CHECK(rig.committed_records() < 2 * rig.sent);
    }
    child_process last{child_arguments(rig, instance)};
    REQUIRE(last.says("restoring " + rig.in));
    REQUIRE(last.says("restored " + rig.in));
    REQUIRE(rig.all_committed());
    last.send(SIGTERM);
    CHECK(last.exit_code() == 0);
    rig.check_counts();
  });
}

TEST_CASE("I6 I7: a process that was frozen until its partitions moved commits nothing of them") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker};
    child_process child{child_arguments(rig, test_broker::new_name("instance"))};
    REQUIRE(child.says("assigned " + rig.in));
    rig.send_round(400);
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return rig.committed_records() > 500;
    }));
    child.send(SIGSTOP);
    CHECK(rig.committed_records() < 2 * rig.sent);
    auto source = rig.source(rig.config());
    require_ok(source->start());
    REQUIRE(has_active(*source, 2)); // once the frozen one's session, and its transaction, are over
    REQUIRE(rig.all_committed());
    child.send(SIGCONT);
    REQUIRE(child.says("lost " + rig.in));
    REQUIRE(child.says("assigned " + rig.in)); // and shares the work again
    rig.send_round(100);
    REQUIRE(rig.all_committed());
    child.send(SIGTERM);
    CHECK(child.exit_code() == 0);
    source->stop();
    CHECK(source->state().errors.empty());
    rig.check_counts();
  });
}

TEST_CASE("of two sources with one instance the first ends at once, and says why") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker};
    auto cfg = rig.config();
    cfg.instance = test_broker::new_name("instance");
    auto first = rig.source(cfg);
    require_ok(first->start());
    REQUIRE(has_active(*first, 2));
    rig.send_round(10);
    REQUIRE(rig.all_committed());
    auto second = rig.source(cfg);
    require_ok(second->start());
    REQUIRE(has_active(*second, 1));
    rig.send_round(10);
    auto why = first_error(*first);
    INFO(why);
    CHECK_THAT(why, Contains("another process has opened the transactional id"));
    auto begin = std::chrono::steady_clock::now();
    first->stop();
    CHECK(std::chrono::steady_clock::now() - begin < cfg.stop_deadline / 2);
    REQUIRE(has_active(*second, 2));
    REQUIRE(rig.all_committed());
    second->stop();
    CHECK(second->state().errors.empty());
    rig.check_counts();
  });
}

TEST_CASE("I2: an output that the client, or the broker, refuses stops its partition alone") {
  on_real_broker([](test_broker& broker) {
    auto by_client = GENERATE(true, false);
    INFO((by_client ? "the client refuses" : "the broker refuses"));
    counting_rig rig{broker};
    if (!by_client) {
      rig.out = test_broker::new_name("small");
      require_ok(rig.asks->create_topic(rig.out, rig.partitions, patience,
                                        {{"max.message.bytes", "200000"}}));
    }
    auto source = rig.bare_source(rig.config());
    source->on_default([to = rig.out, bytes = by_client ? 2'000'000 : 500'000](context<counts>& ctx,
                                                                               const record& rec) {
      if (rec.value == "large")
        ctx.forward({.topic = to,
                     .key = std::string{rec.key},
                     .value = std::string(static_cast<size_t>(bytes), 'x'),
                     .partition = ctx.partition()});
      return count_up(ctx, std::string{rec.key}, to);
    });
    require_ok(source->start());
    REQUIRE(has_active(*source, 2));
    rig.send_round(10);
    REQUIRE(rig.all_committed());
    send(broker, {{.topic = rig.in, .key = "0-0", .value = "large", .partition = 0}});
    for (int i = 0; i < 5; ++i)
      rig.send_round(10);
    auto why = first_error(*source);
    INFO(why);
    CHECK_THAT(why, Contains(rig.in + ", partition 0") && Contains("refused")
                      && Contains("max.message.bytes"));
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return rig.with.committed(rig.in)[1] == rig.sent;
    }));
    rig.send_round(10);
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return rig.with.committed(rig.in)[1] == rig.sent;
    }));
    source->stop();
    CHECK(rig.with.committed(rig.in)[0] == 50);
    for (auto& [key, values] : counting_rig::values_by_key(rig.read_committed(rig.out))) {
      INFO("key " << key);
      CHECK(values == counting_rig::numbers(key[0] == '0' ? 10 : rig.sent / 5));
    }
  });
}

TEST_CASE("offsets and a change log that do not belong together stop a partition, or are told") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker, 1};
    rig.send_round(20);
    run_once(rig);
    std::string told;
    SECTION("offsets that were set by hand") {
      commit(rig, 10);
      told = "was not committed by a source with this change log";
    }
    SECTION("a change log that was deleted and created anew") {
      topic_admin{broker}.remove(rig.changes);
      REQUIRE(eventually([&] { return !rig.asks->partition_count(rig.changes, patience); }));
      told = "it was truncated, or deleted and created anew";
    }
    SECTION("a group that has committed nothing") {
      rig.with.group = test_broker::new_name("group");
      told = "the group has committed nothing";
    }
    auto before = rig.with.committed(rig.in);
    {
      auto stops = rig.source(rig.config());
      require_ok(stops->start());
      auto why = first_error(*stops);
      INFO(why);
      CHECK_THAT(why, Contains(told) && Contains(rig.in + "/0") && Contains(rig.changes)
                        && Contains("on-gap"));
      stops->stop();
      CHECK(rig.with.committed(rig.in) == before);
    }
    auto cfg = rig.config();
    cfg.on_gap = gap_action::go_on;
    auto goes_on = rig.source(cfg);
    require_ok(goes_on->start());
    rig.send_round();
    REQUIRE(rig.all_committed());
    goes_on->stop();
    CHECK(goes_on->state().errors.empty());
  });
}

TEST_CASE("a change log that is not as it must be is refused at the start") {
  on_real_broker([](test_broker& broker) {
    counting_rig rig{broker};
    auto refused = [&rig](const std::string& why) {
      auto source = rig.source(rig.config());
      auto err = source->start();
      INFO(describe(err));
      CHECK(err == errc::bad_config);
      CHECK_THAT(describe(err), Contains(why) && Contains(rig.changes));
    };
    require_ok(rig.asks->create_topic(rig.changes, 3, patience, {{"cleanup.policy", "compact"}}));
    refused("has 3 partitions");
    rig.changes = broker.new_topic(2);
    refused("cleanup.policy");
  });
}

TEST_CASE("I2 I7: a source goes on by itself when its broker was killed and comes back") {
  own_broker own;
  auto broker = test_broker::real(own.address());
  counting_rig rig{broker, 1};
  auto source = rig.bare_source(rig.config());
  std::promise<void> begun;
  std::promise<void> ends;
  std::atomic<bool> held_once{false};
  auto stage = source->stage<int, void>("call", blocking([&](std::string_view key, int&) {
                                          if (key != "held" || held_once.exchange(true))
                                            return; // it comes again where the group was lost
                                          begun.set_value();
                                          ends.get_future().wait();
                                        }),
                                        [to = rig.out](context<counts>& ctx, std::string_view key,
                                                       int&, caf::expected<void>) {
                                          return count_up(ctx, std::string{key}, to);
                                        });
  source->on_default(
    [=](context<counts>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  require_ok(source->start());
  rig.send_round(50);
  REQUIRE(rig.all_committed());
  CHECK(rig.read_committed(rig.out).size() == 250); // its markers are written: nothing is pending
  send(broker, {{.topic = rig.in, .key = "held", .value = "v", .partition = 0}});
  begun.get_future().wait();
  own.kill();
  ends.set_value(); // its transaction begins while nobody is there
  own.restart();
  ++rig.sent; // the held one
  REQUIRE(rig.all_committed(4 * patience));
  auto held = counting_rig::values_by_key(rig.read_committed(rig.out))["held"];
  CHECK(held == counting_rig::numbers(1));
  rig.send_round(10);
  REQUIRE(rig.all_committed(4 * patience));
  source->stop();
  CHECK(source->state().errors.empty());
  for (auto& [key, values] : counting_rig::values_by_key(rig.read_committed(rig.out))) {
    INFO("key " << key);
    CHECK(values == counting_rig::numbers(key == "held" ? 1 : 60));
  }
}
