// What a partition makes of its stages: modes, passes, chains, stages without result or finalizer.
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

/// Every event sends its offset when it is over. Its record's value says what it is: "pass" waits
/// behind its key in the stage, anything else is a job.
struct stage_rig : fakes::kit_rig<> {
  values processed;
  values finalized;

  template <class Processor>
  explicit stage_rig(Processor processor, stage_mode mode = stage_mode::by_key,
                     output_order order = output_order::by_key)
    : kit_rig({.output_order = order}) {
    auto finish = [this](context<>& ctx, std::string_view, std::string& job, caf::expected<void>) {
      finalized.push_back(job);
      ctx.forward({.topic = "out", .value = std::to_string(ctx.offset())});
      return complete;
    };
    auto work = source.stage<std::string, void>("work", processor, finish, {.mode = mode});
    source.on_default([work](context<>& ctx, const record& rec) {
      if (rec.value != "pass")
        return work.schedule(ctx, rec.key, std::string{rec.value});
      ctx.forward({.topic = "out", .value = std::to_string(ctx.offset())});
      return work.pass(ctx, rec.key);
    });
    start();
  }

  test_stage<std::string, void> work() { return kit->stage<std::string, void>("work"); }

  void begin_all() {
    for (auto& job : work().jobs())
      job.begin();
  }
};

auto nothing(values& seen) {
  return [&seen](std::string_view, std::string& job) { seen.push_back(job); };
}

caf::error on_purpose() {
  return caf::make_error(errc::kafka_failed, "the test stops it");
}

} // namespace

TEST_CASE("I3: by_partition, the jobs of all keys are worked on in the order scheduled") {
  values seen;
  stage_rig rig{blocking(nothing(seen)), stage_mode::by_partition};
  rig.kit->feed_batch({{"a", "1"}, {"b", "2"}, {"a", "3"}});
  rig.kit->feed({.key = "c", .value = "4"});
  REQUIRE(rig.desk().places() == 1);
  rig.work().next().run();
  CHECK(rig.kit->values() == values{"0"});
  rig.kit->run();
  CHECK(seen == values{"1", "2", "3", "4"});
  CHECK(rig.finalized == seen);
}

TEST_CASE("I7: unordered, jobs of a key are worked on at once, and released by output_order") {
  values seen;
  auto order = GENERATE(output_order::by_key, output_order::none);
  stage_rig rig{blocking(nothing(seen)), stage_mode::unordered, order};
  rig.kit->feed_batch({{"a", "1"}, {"a", "2"}, {"a", "3"}});
  auto jobs = rig.work().jobs();
  REQUIRE(jobs.size() == 3);
  for (auto i : {2u, 0u, 1u})
    jobs[i].run();
  CHECK(seen == values{"3", "1", "2"});
  CHECK(rig.finalized == seen);
  CHECK(rig.kit->values()
        == (order == output_order::none ? values{"2", "0", "1"} : values{"0", "1", "2"}));
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
  rig->kit->feed_batch({{"a", "1"}, {"a", "pass"}});
  CHECK(rig->kit->values().empty());
  rig->kit->feed({.key = "a", .value = "2"});
  rig->kit->run();
  CHECK(rig->kit->values() == values{"0", "1", "2"});
  CHECK(seen == values{"1", "2"}); // no call for the pass
  CHECK(rig->finalized == seen);
  CHECK(rig->kit->committable() == 3);
  CHECK(rig->core().drained());
}

TEST_CASE("a pass with nothing before it completes its event at once and sends nobody anything") {
  values seen;
  stage_rig rig{blocking(nothing(seen))};
  rig.kit->feed_batch({{"a", "pass"}, {"b", "1"}, {"c", "pass"}});
  CHECK(rig.kit->values() == values{"0", "2"});
  CHECK(rig.desk().runs_sent() == 1);
}

TEST_CASE("the passes behind a job are over after its finalizer, in order, before its key's next") {
  values seen;
  stage_rig rig{blocking(nothing(seen)), stage_mode::by_key, output_order::none};
  rig.kit->feed_batch({{"a", "1"}, {"a", "pass"}, {"a", "pass"}, {"a", "2"}, {"a", "pass"}});
  rig.work().next().run();
  CHECK(rig.kit->values() == values{"0", "1", "2"});
  rig.work().next().run();
  CHECK(rig.kit->values() == values{"0", "1", "2", "3", "4"});
  CHECK(rig.session().stage_meter(0).jobs == 0); // nor do they count any more
}

TEST_CASE("an event with passes and jobs in several stages is complete when all are over") {
  fakes::kit_rig rig;
  auto first = rig.source.stage<int, void>("first", blocking([](std::string_view, int&) {}));
  auto second = rig.source.stage<int, void>("second", blocking([](std::string_view, int&) {}));
  rig.source.on_default([=](context<>& ctx, const record& rec) {
    if (rec.offset == 0)
      return first.schedule(ctx, rec.key, 1);
    first.pass(ctx, rec.key);
    return second.schedule(ctx, rec.key, 1);
  });
  rig.start();
  rig.kit->feed_batch({{"k", ""}, {"k", ""}});
  rig.kit->stage<int, void>("first").next().run(); // the pass behind it is over, too
  CHECK(rig.kit->committable() == 1);
  rig.kit->stage<int, void>("second").next().run();
  CHECK(rig.kit->committable() == 2);
}

TEST_CASE("a turn may pass and schedule in the same stage, in this order or the other") {
  fakes::kit_rig rig;
  auto finalized = 0;
  auto work
    = rig.source.stage<int, void>("work", blocking([](std::string_view, int&) {}),
                                  [&](context<>&, std::string_view, int&, caf::expected<void>) {
                                    ++finalized;
                                    return complete;
                                  });
  rig.source.on_default([work](context<>& ctx, const record& rec) {
    if (rec.offset == 0)
      work.pass(ctx, rec.key);
    work.schedule(ctx, rec.key, 1);
    return work.pass(ctx, rec.key);
  });
  rig.start();
  rig.kit->feed_batch({{"k", ""}, {"k", ""}});
  CHECK(rig.kit->committable() == 0);
  rig.kit->stage<int, void>("work").next().run();
  CHECK(rig.kit->committable() == 1);
  rig.kit->run();
  CHECK(finalized == 2);
  CHECK(rig.kit->committable() == 2);
}

TEST_CASE("a pass whose event was skipped by policy does not keep it open") {
  fakes::kit_rig rig{{.on_error = failure_action::skip}};
  auto slow = rig.source.stage<int, void>("slow", blocking([](std::string_view, int&) {}));
  auto broken = rig.source.stage<int, void>("broken", blocking([](std::string_view, int&) {
                                              throw std::runtime_error{"no table"};
                                            }));
  rig.source.on_default([=](context<>& ctx, const record& rec) {
    if (rec.offset == 0)
      return slow.schedule(ctx, rec.key, 1);
    broken.schedule(ctx, rec.key, 1);
    return slow.pass(ctx, rec.key);
  });
  rig.start();
  rig.kit->feed_batch({{"k", ""}, {"k", ""}});
  rig.kit->stage<int, void>("broken").next().run();
  CHECK(rig.kit->skips().size() == 1);
  CHECK(rig.kit->committable() == 0);
  rig.kit->stage<int, void>("slow").next().run();
  CHECK(rig.kit->committable() == 2);
  CHECK(rig.core().drained());
}

TEST_CASE("a stopped or given up partition forgets the passes that wait") {
  values seen;
  stage_rig rig{blocking(nothing(seen))};
  rig.kit->feed_batch({{"a", "1"}, {"a", "pass"}});
  rig.begin_all();
  rig.kit->fail_intake(on_purpose());
  rig.work().next().run();
  CHECK(rig.kit->values().empty());
  CHECK(rig.core().drained());
  rig.kit->lose();
  CHECK(rig.session().stage_meter(0).jobs == 0);
  CHECK(rig.session().stage_meter(0).keys == 0);
}

TEST_CASE("an event goes through a chain of many stages of every kind, its key in order in each") {
  fakes::kit_rig rig;
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
      return rig.source.stage<std::string, void>(name, processor, on, how);
    };
    next = i % 3 == 0   ? add(blocking(f))
           : i % 3 == 1 ? add(compute(f))
                        : add(blocking(by_run(run)));
  }
  rig.source.on_default([first = *next](context<>& ctx, const record& rec) {
    return first.schedule(ctx, rec.key, std::string{rec.value});
  });
  auto seed = GENERATE(uint64_t{1}, uint64_t{2}, uint64_t{3});
  rig.start({.seed = seed});
  std::vector<test_record> records;
  for (int i = 0; i < 30; ++i)
    records.push_back({.key = "key" + std::to_string(i % 3),
                       .value = std::to_string(i % 3) + ":" + std::to_string(i / 3 + 10)});
  rig.kit->feed_batch(std::move(records));
  rig.kit->run(); // now this one, now that one
  CHECK(rig.kit->committable() == 30);
  CHECK(rig.kit->values().size() == 30);
  for (auto& seen : order) {
    REQUIRE(seen.size() == 30);
    for (auto* key : {"0", "1", "2"}) {
      values of_key;
      std::copy_if(seen.begin(), seen.end(), std::back_inserter(of_key),
                   [key](auto& job) { return job.starts_with(key); });
      CHECK(std::is_sorted(of_key.begin(), of_key.end()));
    }
  }
}

TEST_CASE("without a finalizer the result decides: an error fails the event, else it is complete") {
  auto with_result = GENERATE(true, false);
  fakes::kit_rig rig{{.on_error = failure_action::skip}};
  auto fails_on_one = [](int job) {
    return job == 1 ? caf::make_error(errc::processor_failed, "no table") : caf::error{};
  };
  auto number = [=](std::string_view, int& job) -> caf::expected<int> {
    if (auto err = fails_on_one(job))
      return err;
    return job;
  };
  auto nothing = [=](std::string_view, int& job) { return fails_on_one(job); };
  auto work = with_result ? rig.source.stage<int, int>("work", compute(number))
                          : rig.source.stage<int, void>("work", compute(nothing));
  rig.source.on_default([work](context<>& ctx, const record& rec) {
    return work.schedule(ctx, rec.key, static_cast<int>(rec.offset));
  });
  rig.start();
  rig.kit->feed_batch({{"k", ""}, {"k", ""}, {"k", ""}});
  rig.kit->run();
  CHECK(rig.kit->committable() == 3);
  REQUIRE(rig.kit->skips().size() == 1);
  CHECK_THAT(rig.kit->skips()[0], Contains("offset 1, key 'k', stage 'work': no table"));
}

TEST_CASE("raised limits let records in at once, lowered ones let finish what is in") {
  fakes::kit_rig rig;
  auto limits = stage_limits{.concurrency = 1, .waiting_per_worker = 1, .concurrent_keys = 100};
  auto which = GENERATE(0, 1, 2);
  if (which == 2)
    limits = {.concurrency = 1, .waiting_per_worker = 100, .concurrent_keys = 2};
  auto work = rig.source.stage<int, void>("work", blocking([](std::string_view, int&) {}), limits);
  std::vector<int64_t> handled;
  rig.source.on_default([&, work](context<>& ctx, const record& rec) {
    handled.push_back(rec.offset);
    return work.schedule(ctx, rec.key, 1);
  });
  rig.start();
  std::vector<test_record> records;
  for (int64_t i = 0; i < 12; ++i)
    records.push_back({.key = "key" + std::to_string(i), .value = ""});
  rig.kit->feed_batch(std::move(records));
  CHECK(handled.size() == 2);
  auto raised = limits;
  (which == 0   ? raised.concurrency
   : which == 1 ? raised.waiting_per_worker
                : raised.concurrent_keys)
    += which == 0 ? 2 : 4;
  CHECK_FALSE(rig.source.set_limits(work, raised));
  rig.kit->advance({});
  CHECK(handled.size() == 6);
  CHECK_FALSE(rig.source.set_limits(work, limits));
  rig.kit->advance({});
  auto jobs = rig.kit->stage<int, void>("work");
  for (auto left : {5, 4, 3, 2}) { // six are in; nothing gets in before less than two are
    jobs.next().run();
    CHECK(jobs.size() == static_cast<size_t>(left));
    CHECK(handled.size() == 6);
  }
  jobs.next().run();
  CHECK(handled.size() == 7);
  rig.kit->run();
  CHECK(handled.size() == 12);
  CHECK(rig.kit->committable() == 12);
}

TEST_CASE("a stopped partition gives its places in the stages back to the others") {
  values seen;
  stage_rig rig{blocking(nothing(seen))};
  auto& meter = rig.session().stage_meter(0);
  rig.kit->feed_batch({{"a", "1"}, {"b", "2"}});
  REQUIRE(meter.jobs == 2);
  REQUIRE(meter.keys == 2);
  rig.begin_all();
  rig.kit->fail_intake(on_purpose());
  CHECK(meter.jobs == 0);
  CHECK(meter.keys == 0);
  rig.work().next().run(); // its call had begun
  rig.kit->lose();
  CHECK(meter.jobs == 0);
  CHECK(meter.keys == 0);
}
