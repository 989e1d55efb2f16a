// What an inspector pauses: a stage, or a key in it. Nothing of it is sent, all of it stays, and in
// order.
#include "tests/fakes/partition_rig.hpp"
#include "tests/fakes/seeds.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using numbers = std::vector<int>;

/// A stage "work", which notes what it works on; a record's value says what its event does there:
/// "job" or "pass".
struct pause_rig : fakes::partition_rig {
  std::vector<std::pair<std::string, int>> calls;
  std::vector<int64_t> finished;
  bool fails = false;

  template <class Make>
  explicit pause_rig(Make make, stage_options options = {.limits = {}},
                     output_order order = output_order::by_key) {
    source->config.output_order = order;
    auto work = fakes::add_stage<no_store, int, int>(
      *source, "work", make([this](std::string_view key, int& n) -> caf::expected<int> {
        calls.emplace_back(key, n);
        if (fails)
          return caf::make_error(errc::processor_failed, "as told");
        return n;
      }),
      [this](context<>& ctx, std::string_view, int&, caf::expected<int> result) -> outcome {
        if (!result)
          return result.error();
        finished.push_back(ctx.offset());
        return complete;
      },
      options);
    on_default([work](context<>& ctx, const record& rec) -> outcome {
      if (rec.value == "pass")
        return work.pass(ctx, rec.key);
      return work.schedule(ctx, rec.key, static_cast<int>(ctx.offset()));
    });
    start();
  }

  void take_one(int64_t offset, std::string key, std::string value = "job") {
    take(fakes::make_batch({{offset, std::move(key), std::move(value)}}));
  }

  void hold_back(detail::pauses what) {
    source->stages[0]->hold_back(std::move(what));
    core->limits_changed();
  }

  void work_on_all() {
    while (!runs.busy().empty())
      answer(runs.busy().front());
  }

  numbers calls_of(const std::string& key) const {
    numbers result;
    for (auto& [each, n] : calls)
      if (each == key)
        result.push_back(n);
    return result;
  }
};

auto as_blocking() {
  return [](auto f) { return blocking(f); };
}

auto as_compute() {
  return [](auto f) { return compute(f); };
}

auto as_runs() {
  return [](auto f) {
    return compute(by_run([f](std::string_view key, std::span<int* const> jobs) {
      std::vector<caf::expected<int>> result;
      for (auto* each : jobs)
        result.push_back(f(key, *each));
      return result;
    }));
  };
}

template <class Make>
void check_paused_stage(Make make) {
  pause_rig rig{make};
  rig.hold_back({.stage = true});
  for (int64_t i = 0; i < 6; ++i)
    rig.take_one(i, i % 2 == 0 ? "a" : "b");
  CHECK(rig.runs.sent == 0);
  CHECK(rig.core->committable() == 0);
  rig.hold_back({});
  rig.work_on_all();
  CHECK(rig.calls_of("a") == numbers{0, 2, 4});
  CHECK(rig.calls_of("b") == numbers{1, 3, 5});
  CHECK(rig.core->committable() == 6);
  rig.take_one(6, "a");
  rig.work_on_all();
  CHECK(rig.core->committable() == 7);
}

template <class Make>
void check_paused_key(Make make) {
  pause_rig rig{make};
  rig.take_one(0, "a");
  rig.work_on_all();
  rig.hold_back({.keys = {"a"}});
  for (int64_t i = 1; i < 7; ++i)
    rig.take_one(i, i % 2 == 0 ? "b" : "a");
  rig.work_on_all();
  CHECK(rig.calls_of("a") == numbers{0});
  CHECK(rig.calls_of("b") == numbers{2, 4, 6});
  CHECK(rig.core->committable() == 1);
  rig.hold_back({.keys = {"c"}});
  rig.work_on_all();
  CHECK(rig.calls_of("a") == numbers{0, 1, 3, 5});
  CHECK(rig.core->committable() == 7);
}

} // namespace

TEST_CASE("a paused stage sends nothing, and when it is resumed goes on in order, nothing lost") {
  check_paused_stage(as_blocking());
  check_paused_stage(as_compute());
  check_paused_stage(as_runs());
}

TEST_CASE("a paused key waits while others go on, and is in order when it is resumed") {
  check_paused_key(as_blocking());
  check_paused_key(as_compute());
  check_paused_key(as_runs());
}

TEST_CASE("a partition that is assigned while a stage is paused begins with it paused") {
  pause_rig rig{as_blocking()};
  rig.source->stages[0]->hold_back({.stage = true});
  rig.start();
  rig.take_one(0, "a");
  CHECK(rig.runs.sent == 0);
  rig.hold_back({});
  rig.work_on_all();
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("a pass waits behind the jobs of its key that are held back, and not for others") {
  for (auto lanes : {false, true}) {
    stage_options options{.limits = {}};
    auto order = output_order::none; // otherwise the event would wait in any case
    auto rig = lanes ? std::make_unique<pause_rig>(as_compute(), options, order)
                     : std::make_unique<pause_rig>(as_blocking(), options, order);
    rig->hold_back({.keys = {"a"}});
    rig->take_one(0, "a");
    rig->take_one(1, "a", "pass");
    rig->take_one(2, "b", "pass");
    CHECK(rig->meter.in_flight == 2);
    rig->hold_back({});
    rig->work_on_all();
    CHECK(rig->core->committable() == 3);
  }
}

TEST_CASE("a partition that has one order for all keeps it while a key is paused") {
  for (auto lanes : {false, true}) {
    stage_options options{.limits = {}, .mode = stage_mode::by_partition};
    auto rig = lanes ? std::make_unique<pause_rig>(as_compute(), options)
                     : std::make_unique<pause_rig>(as_blocking(), options);
    rig->hold_back({.keys = {"a"}});
    rig->take_one(0, "a");
    rig->take_one(1, "b");
    rig->work_on_all();
    CHECK(rig->calls.empty());
    rig->hold_back({});
    rig->work_on_all();
    CHECK(rig->finished == std::vector<int64_t>{0, 1});
  }
}

TEST_CASE("a job that is to be called again waits until its key is resumed") {
  stage_options options{.limits = {}, .retry = retry_policy{.times = 5, .backoff = 1s}};
  pause_rig rig{as_blocking(), options};
  rig.fails = true;
  rig.take_one(0, "a");
  rig.work_on_all();
  rig.hold_back({.keys = {"a"}});
  rig.clock.advance(10s);
  rig.core->retry_due();
  rig.work_on_all();
  CHECK(rig.calls.size() == 1);
  rig.fails = false;
  rig.hold_back({});
  rig.work_on_all();
  CHECK(rig.calls.size() == 2);
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("while a stage is paused its limits stop the intake, and it goes on afterwards") {
  stage_options options{.limits = {.concurrency = 1, .waiting_per_worker = 2}};
  pause_rig rig{as_blocking(), options};
  rig.hold_back({.stage = true});
  for (int64_t i = 0; i < 9; ++i)
    rig.take_one(i, std::to_string(i));
  CHECK(rig.meters[0].jobs == 3);
  rig.hold_back({});
  rig.work_on_all();
  CHECK(rig.core->committable() == 9);
}

TEST_CASE("I10: what is paused is named as paused by an inspector") {
  pause_rig rig{as_blocking()};
  rig.hold_back({.stage = true});
  rig.take_one(0, "a");
  CHECK(to_string(*rig.core->oldest_event())
        == "offset 0, key 'a', stage 'work', waits for its stage, which is paused by an inspector");
  rig.hold_back({.keys = {"a"}});
  CHECK_THAT(rig.core->oldest_event()->waits_for, Contains("its key, which is paused"));
  CHECK_THAT(rig.core->view().keys.at(0).oldest.waits_for, Contains("its key, which is paused"));
}

TEST_CASE("a partition that is given up takes what is held back with it") {
  for (auto lanes : {false, true}) {
    auto rig = lanes ? std::make_unique<pause_rig>(as_compute())
                     : std::make_unique<pause_rig>(as_blocking());
    rig->hold_back({.stage = true});
    rig->take_one(0, "a");
    rig->core->give_up();
    CHECK(rig->meters[0].jobs == 0);
    rig->hold_back({});
    CHECK(rig->runs.sent == 0);
  }
}

TEST_CASE("whatever is paused and resumed when, each key's jobs are worked on once and in order") {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    std::mt19937 random{static_cast<uint32_t>(seed)};
    auto chance = [&random](unsigned of) { return random() % of == 0; };
    for (int round = 0; round < 50; ++round) {
      auto rig = round % 2 == 0 ? std::make_unique<pause_rig>(as_compute())
                                : std::make_unique<pause_rig>(as_blocking());
      std::map<std::string, numbers> expected;
      for (int64_t offset = 0; offset < 200; ++offset) {
        auto key = std::string(1, static_cast<char>('a' + random() % 4));
        auto pass = chance(5);
        if (!pass)
          expected[key].push_back(static_cast<int>(offset));
        rig->take_one(offset, key, pass ? "pass" : "job");
        if (chance(4))
          rig->hold_back(
            {.stage = chance(3), .keys = {std::string(1, static_cast<char>('a' + random() % 4))}});
        if (chance(4))
          rig->hold_back({});
        if (auto busy = rig->runs.busy(); !busy.empty() && chance(2))
          rig->answer(busy[random() % busy.size()], 1 + random() % 3);
      }
      rig->hold_back({});
      rig->work_on_all();
      REQUIRE(rig->runs.violations.empty());
      for (auto& [key, all] : expected)
        REQUIRE(rig->calls_of(key) == all);
      REQUIRE(rig->core->committable() == 200);
      REQUIRE(rig->meters[0].jobs == 0);
    }
  }
}
