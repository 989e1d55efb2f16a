// What a partition does with events that have no record: order, offsets, failures, hand-overs.
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using wall_time = std::chrono::system_clock::time_point;

namespace {

bool ready(const std::future<caf::error>& x) {
  return x.wait_for(0s) == std::future_status::ready;
}

/// A source whose records schedule a job for their key when they have one, and a stage "work" whose
/// jobs are left to the test.
struct asking_rig : fakes::kit_rig<> {
  std::optional<stage_handle<int>> work;

  explicit asking_rig(source_config cfg = {}) : fakes::kit_rig<>(std::move(cfg)) {
    work = source.stage<int, int>(
      "work", blocking([](std::string_view, int& x) { return x; }),
      [](context<>& ctx, std::string_view, int&, caf::expected<int> x) -> outcome {
        if (!x)
          return outcome{x.error()};
        ctx.forward({.topic = "out", .value = ctx.is_interjection() ? "interjection" : "record"});
        return complete;
      });
    source.on_default([this](context<>& ctx, const record& rec) -> outcome {
      return rec.has_key() ? work->schedule(ctx, rec.key, 1) : complete;
    });
  }

  auto incomplete_one(std::string key = "i") {
    return [work = *work, key](context<>& ctx) { return work.schedule(ctx, key, 1); };
  }

  auto jobs() { return kit->stage<int, int>("work"); }
};

} // namespace

TEST_CASE("a scheduled interjection ticks in each active partition and has no record") {
  asking_rig rig;
  std::map<int32_t, std::vector<wall_time>> dues;
  rig.source.schedule_interjection(
    [&dues](context<>& ctx, wall_time due) {
      CHECK(ctx.is_interjection());
      CHECK_FALSE(ctx.input().has_key());
      CHECK_FALSE(ctx.input().has_value());
      CHECK(ctx.offset() == -1);
      CHECK(ctx.topic() == "topic");
      CHECK(ctx.now() == due);
      dues[ctx.partition()].push_back(due);
      return complete;
    },
    1s);
  rig.start({.partitions = 2});
  auto begin = rig.kit->wall_now();
  rig.kit->advance(3500ms);
  std::vector<wall_time> expected{begin + 1s, begin + 2s, begin + 3s};
  CHECK(dues[0] == expected);
  CHECK(dues[1] == expected);
  CHECK(rig.kit->state().interjections == 6);
  CHECK(rig.kit->state().interjections_open == 0);
  CHECK(rig.kit->state().out == 0);
}

TEST_CASE("an incomplete interjection is never run twice at once and ticks again when it is over") {
  asking_rig rig;
  int runs = 0;
  rig.source.schedule_interjection(
    [&, work = *rig.work](context<>& ctx, wall_time) {
      ++runs;
      return work.schedule(ctx, "i", 1);
    },
    1s);
  rig.start();
  rig.kit->advance(10s);
  CHECK(runs == 1);
  CHECK(rig.kit->state().interjections_open == 1);
  rig.jobs().next().answer(1);
  rig.kit->advance(0s);
  CHECK(runs == 2);
  rig.jobs().next().answer(1);
  rig.kit->advance(1s);
  CHECK(runs == 3);
  CHECK(rig.kit->values() == std::vector<std::string>{"interjection", "interjection"});
}

TEST_CASE("an interjection that fails under skip ticks again") {
  asking_rig rig{{.on_error = failure_action::skip}};
  int runs = 0;
  rig.source.schedule_interjection(
    [&](context<>&, wall_time) -> outcome {
      ++runs;
      throw std::runtime_error{"no luck"};
    },
    1s, 0ms, "retries");
  rig.start();
  rig.kit->advance(2s);
  CHECK(runs == 2);
  REQUIRE(rig.kit->skips().size() == 2);
  CHECK_THAT(rig.kit->skips()[0],
             Contains("partition 0, interjection 'retries'") && Contains("no luck"));
  CHECK(rig.kit->state().interjections_failed == 2);
  CHECK(rig.kit->state().skipped == 0);
}

TEST_CASE(
  "the handler of an interjection is not tried again: a scheduled one comes by itself, and who "
  "asked for one is told") {
  asking_rig rig{{.retry = {.times = 3, .backoff = 10ms}, .on_error = failure_action::skip}};
  int runs = 0;
  rig.start();
  auto asked = rig.kit->interject(0, [&](context<>&) -> outcome {
    ++runs;
    return {errc::handler_failed, "no luck"};
  });
  REQUIRE(ready(asked));
  CHECK(asked.get() == errc::handler_failed);
  rig.kit->advance(10s);
  CHECK(runs == 1);
}

TEST_CASE("I1 I2: an interjection moves neither the offset nor the completion map") {
  asking_rig rig;
  rig.start();
  rig.kit->feed({.key = "a"}); // stays open
  rig.kit->feed({});           // out
  auto asked = rig.kit->interject(0, rig.incomplete_one());
  rig.kit->feed({.key = "b"}); // stays open
  rig.kit->feed({});           // out
  auto before = rig.core().reached();
  CHECK(before.offset == 0);
  CHECK(before.beyond == std::vector<core::offset_run>{{1, 2}, {3, 4}});
  rig.jobs().next("i").answer(1);
  CHECK(ready(asked));
  CHECK(rig.core().reached().offset == 0);
  CHECK(rig.core().reached().beyond == before.beyond);
  rig.jobs().next("a").answer(1);
  rig.jobs().next("b").answer(1);
  CHECK(rig.kit->committable() == 4);
  CHECK(rig.meter().in_flight == 0);
  CHECK(rig.kit->state().out == 4);
}

TEST_CASE("by_event an interjection is released after what began before it, and before the rest") {
  asking_rig rig{{.output_order = output_order::by_event}};
  rig.start();
  rig.kit->feed({.key = "a"});
  auto asked = rig.kit->interject(0, rig.incomplete_one());
  rig.kit->feed({.key = "b"});
  rig.jobs().next("i").answer(1);
  CHECK_FALSE(ready(asked));
  rig.jobs().next("b").answer(1);
  CHECK(rig.kit->values().empty());
  rig.jobs().next("a").answer(1);
  CHECK(rig.kit->values() == std::vector<std::string>{"record", "interjection", "record"});
  CHECK(ready(asked));
}

TEST_CASE("by_key an interjection waits for nobody and nobody for it") {
  asking_rig rig;
  rig.start();
  rig.kit->feed({.key = "a"});
  auto asked = rig.kit->interject(0, rig.incomplete_one());
  rig.jobs().next("i").answer(1);
  CHECK(ready(asked));
  CHECK(rig.kit->values() == std::vector<std::string>{"interjection"});
}

TEST_CASE("an interjection is answered when its outputs are acknowledged") {
  asking_rig rig;
  rig.start({.acks = test_acks::by_hand});
  auto asked = rig.kit->interject(0, [](context<>& ctx) {
    ctx.forward({.topic = "out", .value = "v"});
    return complete;
  });
  CHECK_FALSE(ready(asked));
  rig.kit->acknowledge_all();
  REQUIRE(ready(asked));
  CHECK(!asked.get());
}

TEST_CASE("an interjection whose turn fails goes to the failure policy, and tells who asked") {
  asking_rig rig;
  rig.start();
  auto other = rig.kit->interject(0, rig.incomplete_one());
  auto failing = rig.kit->interject(0, [](context<>&) -> outcome {
    return outcome{errc::encode_failed, "no luck"};
  });
  CHECK(rig.kit->state(0) == lifecycle::stopped);
  CHECK_THAT(rig.kit->stop_reason(), Contains("interjection 'asked for': no luck"));
  REQUIRE(ready(failing));
  CHECK(failing.get() == errc::encode_failed);
  REQUIRE(ready(other)); // never hangs
  CHECK(other.get() == errc::given_up);
  auto late = rig.kit->interject(0, rig.incomplete_one());
  REQUIRE(ready(late));
  CHECK_THAT(describe(late.get()), Contains("the partition has stopped"));
}

TEST_CASE("a drain waits for an incomplete interjection, up to the deadline") {
  asking_rig rig{{.drain_deadline = 500ms}};
  int ticks = 0;
  rig.source.schedule_interjection(
    [&ticks](context<>&, wall_time) {
      ++ticks;
      return complete;
    },
    100ms);
  rig.start();
  auto asked = rig.kit->interject(0, rig.incomplete_one());
  rig.kit->revoke();
  auto late = rig.kit->interject(0, rig.incomplete_one());
  CHECK(late.get() == errc::given_up);
  rig.kit->advance(499ms);
  CHECK(rig.kit->state(0) == lifecycle::draining);
  CHECK(ticks == 0); // none outside of an active partition
  SECTION("in time") {
    rig.jobs().next().answer(1);
    CHECK(rig.kit->state(0) == lifecycle::unassigned);
    CHECK(!asked.get());
  }
  SECTION("too late") {
    rig.kit->advance(1ms);
    CHECK(rig.kit->state(0) == lifecycle::unassigned);
    CHECK(asked.get() == errc::given_up);
    CHECK(rig.kit->state().interjections_open == 0);
  }
  auto nowhere = rig.kit->interject(0, rig.incomplete_one());
  CHECK(nowhere.get() == errc::not_assigned);
}

TEST_CASE("an interjection waits for its partition to open") {
  asking_rig rig{{.drain_deadline = 0ms}};
  rig.start();
  rig.kit->feed({.key = "a"});
  auto call = rig.jobs().next("a");
  call.begin();
  rig.kit->lose();
  rig.kit->assign(); // not opened before the call has returned
  int runs = 0;
  auto once = [&runs](context<>&) {
    ++runs;
    return complete;
  };
  auto asked = rig.kit->interject(0, once);
  CHECK(runs == 0);
  SECTION("it opens") {
    call.answer(1);
    CHECK(runs == 1);
    CHECK(!asked.get());
  }
  SECTION("it is lost before") {
    rig.kit->lose();
    CHECK(asked.get() == errc::given_up);
    CHECK(runs == 0);
  }
}

TEST_CASE("I10: what an interjection waits for can be told") {
  asking_rig rig;
  rig.start();
  CHECK_FALSE(rig.core().oldest_interjection());
  CHECK(rig.meter().interjecting_since == 0);
  auto asked = rig.kit->interject(0, rig.incomplete_one());
  CHECK(rig.meter().interjecting_since == rig.kit->now().time_since_epoch().count());
  CHECK_FALSE(rig.core().oldest_event());
  CHECK_THAT(to_string(*rig.core().oldest_interjection()),
             Contains("interjection 'asked for', key 'i', stage 'work', waits for"));
  rig.jobs().next().answer(1);
  CHECK(rig.meter().interjecting_since == 0);
}

TEST_CASE("an interjection whose times cannot work is a wrong definition, by its name") {
  auto [every, jitter] = GENERATE(std::pair{0ms, 0ms}, std::pair{-5ms, 0ms}, std::pair{10ms, 10ms},
                                  std::pair{10ms, -1ms});
  asking_rig rig;
  rig.source.schedule_interjection([](context<>&, wall_time) { return complete; }, every, jitter,
                                   "mine");
  CHECK_THROWS_WITH(rig.start(), Contains("interjection 'mine'"));
}

TEST_CASE("interject_all asks every assigned partition") {
  asking_rig rig;
  rig.start({.partitions = 3});
  rig.kit->lose(1);
  std::vector<int32_t> where;
  auto all = rig.kit->interject_all([&where](context<>& ctx) {
    where.push_back(ctx.partition());
    return complete;
  });
  CHECK(all.size() == 2);
  CHECK(where == std::vector<int32_t>{0, 2});
}
