// What a partition makes of its stages: modes, passes, chains, stages without result or finalizer.
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;
using place = fakes::fake_runs::place;

/// Every event sends its offset when it is over. Its record's value says what it is: "pass" waits
/// behind its key in the stage, anything else is a job.
struct stage_rig : fakes::partition_rig {
  values processed;
  values finalized;

  template <class Processor>
  explicit stage_rig(Processor processor, stage_mode mode = stage_mode::by_key,
                     output_order order = output_order::by_key) {
    source->config.output_order = order;
    auto finish = [this](context<>& ctx, std::string_view, std::string& job, caf::expected<void>) {
      finalized.push_back(job);
      ctx.forward({.topic = "out", .value = std::to_string(ctx.offset())});
      return complete;
    };
    auto work = fakes::add_stage<no_store, std::string, void>(*source, "work", processor, finish,
                                                              {.mode = mode});
    on_default([work](context<>& ctx, const record& rec) {
      if (rec.value != "pass")
        return work.schedule(ctx, rec.key, std::string{rec.value});
      ctx.forward({.topic = "out", .value = std::to_string(ctx.offset())});
      return work.pass(ctx, rec.key);
    });
  }
};

auto nothing(values& seen) {
  return [&seen](std::string_view, std::string& job) { seen.push_back(job); };
}

fakes::test_record rec(int64_t offset, std::string key, std::string job) {
  return {offset, std::move(key), std::move(job)};
}

} // namespace

TEST_CASE("I3: by_partition, the jobs of all keys are worked on in the order scheduled") {
  values seen;
  stage_rig rig{blocking(nothing(seen)), stage_mode::by_partition};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "1"), rec(1, "b", "2"), rec(2, "a", "3")}));
  rig.take(fakes::make_batch({rec(3, "c", "4")}));
  REQUIRE(rig.runs.busy().size() == 1);
  rig.answer(rig.runs.busy().front(), 1);
  CHECK(rig.outputs.values == values{"0"});
  rig.answer_all();
  CHECK(seen == values{"1", "2", "3", "4"});
  CHECK(rig.finalized == seen);
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("I7: unordered, jobs of a key are worked on at once, and released by output_order") {
  values seen;
  auto order = GENERATE(output_order::by_key, output_order::none);
  stage_rig rig{blocking(nothing(seen)), stage_mode::unordered, order};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "1"), rec(1, "a", "2"), rec(2, "a", "3")}));
  auto slots = rig.runs.busy();
  REQUIRE(slots.size() == 3);
  for (auto i : {2u, 0u, 1u})
    rig.answer(slots[i]);
  CHECK(rig.finalized == values{seen[0], seen[1], seen[2]});
  CHECK(seen.front() != "1");
  CHECK(rig.outputs.values
        == (order == output_order::none ? values{std::to_string(std::stoi(seen[0]) - 1),
                                                 std::to_string(std::stoi(seen[1]) - 1),
                                                 std::to_string(std::stoi(seen[2]) - 1)}
                                        : values{"0", "1", "2"}));
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("a pass is over when the jobs of its key before it are, whoever works on them") {
  values seen;
  auto kind = GENERATE(0, 1, 2, 3);
  auto each = nothing(seen);
  auto run = [&seen](std::string_view, std::span<std::string* const> jobs) {
    for (auto* j : jobs)
      seen.push_back(*j);
  };
  auto rig
    = kind == 0
        ? std::make_unique<stage_rig>(blocking(each), stage_mode::by_key, output_order::none)
      : kind == 1
        ? std::make_unique<stage_rig>(compute(each), stage_mode::by_key, output_order::none)
      : kind == 2
        ? std::make_unique<stage_rig>(compute(by_run(run)), stage_mode::by_key, output_order::none)
        : std::make_unique<stage_rig>(blocking(each), stage_mode::by_partition, output_order::none);
  rig->start();
  rig->take(fakes::make_batch({rec(0, "a", "1"), rec(1, "a", "pass")}));
  CHECK(rig->outputs.values.empty());
  rig->take(fakes::make_batch({rec(2, "a", "2")}));
  rig->answer_all();
  CHECK(rig->outputs.values == values{"0", "1", "2"});
  CHECK(seen == values{"1", "2"}); // no call for the pass
  CHECK(rig->finalized == seen);
  rig->acknowledge_all();
  CHECK(rig->core->committable() == 3);
  CHECK(rig->core->drained());
}

TEST_CASE("a pass with nothing before it completes its event at once and sends nobody anything") {
  values seen;
  stage_rig rig{blocking(nothing(seen))};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "pass"), rec(1, "b", "1"), rec(2, "c", "pass")}));
  CHECK(rig.outputs.values == values{"0", "2"});
  CHECK(rig.runs.sent == 1);
}

TEST_CASE("the passes behind a job are over after its finalizer, in order, before its key's next") {
  values seen;
  stage_rig rig{blocking(nothing(seen)), stage_mode::by_key, output_order::none};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "1"), rec(1, "a", "pass"), rec(2, "a", "pass"),
                              rec(3, "a", "2"), rec(4, "a", "pass")}));
  rig.answer(rig.runs.busy().front(), 1);
  CHECK(rig.outputs.values == values{"0", "1", "2"});
  rig.answer_all();
  CHECK(rig.outputs.values == values{"0", "1", "2", "3", "4"});
}

TEST_CASE("a turn may pass and schedule in the same stage, in this order or the other") {
  fakes::partition_rig rig;
  auto finalized = 0;
  auto work = fakes::add_stage<no_store, int, void>(
    *rig.source, "work", blocking([](std::string_view, int&) {}),
    [&](context<>&, std::string_view, int&, caf::expected<void>) {
      ++finalized;
      return complete;
    });
  rig.on_default([work](context<>& ctx, const record& rec) {
    if (rec.offset == 0)
      work.pass(ctx, rec.key);
    work.schedule(ctx, rec.key, 1);
    return work.pass(ctx, rec.key);
  });
  rig.start();
  rig.take(fakes::make_batch({0, 1}));
  CHECK(rig.core->committable() == 0);
  rig.answer(rig.runs.busy().front(), 1);
  CHECK(rig.core->committable() == 1);
  rig.answer_all();
  CHECK(finalized == 2);
  CHECK(rig.core->committable() == 2);
}

TEST_CASE("a pass whose event was skipped by policy does not keep it open") {
  fakes::partition_rig rig;
  rig.source->config.on_error = failure_action::skip;
  auto slow = fakes::add_stage<no_store, int, void>(*rig.source, "slow",
                                                    blocking([](std::string_view, int&) {}),
                                                    detail::no_finalizer{});
  auto broken = fakes::add_stage<no_store, int, void>(*rig.source, "broken",
                                                      blocking([](std::string_view, int&) {
                                                        throw std::runtime_error{"no table"};
                                                      }),
                                                      detail::no_finalizer{});
  rig.on_default([=](context<>& ctx, const record& rec) {
    if (rec.offset == 0)
      return slow.schedule(ctx, rec.key, 1);
    broken.schedule(ctx, rec.key, 1);
    return slow.pass(ctx, rec.key);
  });
  rig.start();
  rig.take(fakes::make_batch({0, 1}));
  rig.answer_key("k", 1);
  CHECK(rig.incidents.skips.size() == 1);
  CHECK(rig.core->committable() == 0);
  rig.answer_key("k", 0);
  CHECK(rig.core->committable() == 2);
  CHECK(rig.core->drained());
}

TEST_CASE("a stopped or given up partition forgets the passes that wait") {
  values seen;
  stage_rig rig{blocking(nothing(seen))};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "1"), rec(1, "a", "pass")}));
  rig.core->stop(caf::make_error(errc::kafka_failed, "the test stops it"));
  rig.answer_all();
  CHECK(rig.outputs.values.empty());
  CHECK(rig.core->drained());
  rig.core->give_up();
  CHECK(rig.meters[0].jobs == 0);
  CHECK(rig.meters[0].keys == 0);
}

TEST_CASE("an event goes through a chain of many stages of every kind, its key in order in each") {
  fakes::partition_rig rig;
  constexpr int length = 12;
  std::vector<values> order(length);
  std::optional<stage_handle<std::string>> next;
  for (int i = length - 1; i >= 0; --i) {
    auto f = [&order, i](std::string_view, std::string& job) {
      order[static_cast<size_t>(i)].push_back(job);
    };
    auto run = [f](std::string_view key, std::span<std::string* const> jobs) {
      for (auto* j : jobs)
        f(key, *j);
    };
    auto on = [next](context<>& ctx, std::string_view key, std::string& job, caf::expected<void>) {
      if (next)
        return next->schedule(ctx, key, std::move(job));
      ctx.forward({.topic = "out", .value = job});
      return complete;
    };
    auto name = "stage" + std::to_string(i);
    stage_options how{.mode = i % 4 == 3 ? stage_mode::by_partition : stage_mode::by_key};
    auto add = [&](auto processor) {
      return fakes::add_stage<no_store, std::string, void>(*rig.source, name, processor, on, how);
    };
    next = i % 3 == 0   ? add(blocking(f))
           : i % 3 == 1 ? add(compute(f))
                        : add(blocking(by_run(run)));
  }
  rig.on_default([first = *next](context<>& ctx, const record& rec) {
    return first.schedule(ctx, rec.key, std::string{rec.value});
  });
  rig.start();
  std::vector<fakes::test_record> records;
  for (int i = 0; i < 30; ++i)
    records.push_back(rec(i, "key" + std::to_string(i % 3),
                          std::to_string(i % 3) + ":" + std::to_string(i / 3 + 10)));
  rig.take(fakes::make_batch(records));
  for (size_t turn = 0; !rig.runs.busy().empty(); ++turn) { // now this one, now that one
    auto busy = rig.runs.busy();
    rig.answer(busy[turn * 7 % busy.size()], 1 + turn % 3);
  }
  rig.acknowledge_all();
  CHECK(rig.core->committable() == 30);
  CHECK(rig.outputs.values.size() == 30);
  for (auto& seen : order) {
    REQUIRE(seen.size() == 30);
    for (auto* key : {"0", "1", "2"}) {
      values of_key;
      std::copy_if(seen.begin(), seen.end(), std::back_inserter(of_key),
                   [key](auto& job) { return job.starts_with(key); });
      CHECK(std::is_sorted(of_key.begin(), of_key.end()));
    }
  }
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("without a finalizer the result decides: an error fails the event, else it is complete") {
  auto with_result = GENERATE(true, false);
  fakes::partition_rig rig;
  rig.source->config.on_error = failure_action::skip;
  auto fails_on_one = [](int job) {
    return job == 1 ? caf::make_error(errc::processor_failed, "no table") : caf::error{};
  };
  auto number = [=](std::string_view, int& job) -> caf::expected<int> {
    if (auto err = fails_on_one(job))
      return err;
    return job;
  };
  auto nothing = [=](std::string_view, int& job) { return fails_on_one(job); };
  auto work = with_result
                ? fakes::add_stage<no_store, int, int>(*rig.source, "work", compute(number),
                                                       detail::no_finalizer{})
                : fakes::add_stage<no_store, int, void>(*rig.source, "work", compute(nothing),
                                                        detail::no_finalizer{});
  rig.on_default([work](context<>& ctx, const record& rec) {
    return work.schedule(ctx, rec.key, static_cast<int>(rec.offset));
  });
  rig.start();
  rig.take(fakes::make_batch({0, 1, 2}));
  rig.answer_all();
  CHECK(rig.core->committable() == 3);
  REQUIRE(rig.incidents.skips.size() == 1);
  CHECK_THAT(rig.incidents.skips[0], Contains("offset 1, key 'k', stage 'work': no table"));
}

TEST_CASE("raised limits let records in at once, lowered ones let finish what is in") {
  fakes::partition_rig rig;
  auto limits = stage_limits{.concurrency = 1, .waiting_per_worker = 1, .concurrent_keys = 100};
  auto which = GENERATE(0, 1, 2);
  if (which == 2)
    limits = {.concurrency = 1, .waiting_per_worker = 100, .concurrent_keys = 2};
  auto work = fakes::add_stage<no_store, int, void>(*rig.source, "work",
                                                    blocking([](std::string_view, int&) {}),
                                                    detail::no_finalizer{}, {.limits = limits});
  std::vector<int64_t> handled;
  rig.on_default([&, work](context<>& ctx, const record& rec) {
    handled.push_back(rec.offset);
    return work.schedule(ctx, rec.key, 1);
  });
  rig.start();
  std::vector<fakes::test_record> records;
  for (int64_t i = 0; i < 12; ++i)
    records.push_back(rec(i, "key" + std::to_string(i), ""));
  rig.take(fakes::make_batch(records));
  CHECK(handled.size() == 2);
  auto& stage = *rig.source->stages[0];
  auto raised = limits;
  (which == 0   ? raised.concurrency
   : which == 1 ? raised.waiting_per_worker
                : raised.concurrent_keys)
    += which == 1   ? 4
       : which == 0 ? 2
                    : 4;
  stage.set_limits(raised);
  CHECK(handled.size() == 2);
  rig.core->limits_changed();
  CHECK(handled.size() == 6);
  stage.set_limits(limits);
  rig.core->limits_changed();
  for (auto left : {5, 4, 3, 2}) { // six are in; nothing gets in before less than two are
    rig.answer(rig.runs.busy().front());
    CHECK(rig.runs.busy().size() == static_cast<size_t>(left));
    CHECK(handled.size() == 6);
  }
  rig.answer(rig.runs.busy().front());
  CHECK(handled.size() == 7);
  rig.answer_all();
  CHECK(handled.size() == 12);
  CHECK(rig.core->committable() == 12);
}

TEST_CASE("a stopped partition gives its places in the stages back to the others") {
  values seen;
  stage_rig rig{blocking(nothing(seen))};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "1"), rec(1, "b", "2")}));
  REQUIRE(rig.meters[0].jobs == 2);
  REQUIRE(rig.meters[0].keys == 2);
  rig.core->stop(caf::make_error(errc::handler_failed, "on purpose"));
  CHECK(rig.meters[0].jobs == 0);
  CHECK(rig.meters[0].keys == 0);
  rig.answer(rig.runs.busy().front()); // its call had begun
  rig.core->give_up();
  CHECK(rig.meters[0].jobs == 0);
  CHECK(rig.meters[0].keys == 0);
}
