// Timeouts of calls in the testkit's time: what is answered too late, or never.
#include <keyloom/handler_actor.hpp>
#include <keyloom/testkit.hpp>

#include <catch2/catch.hpp>

#include <map>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

constexpr auto timeout = 100ms;

/// Every record is a job with its value, of a stage with a timeout; the value goes to `out` with
/// what became of the job, a pass with "pass".
struct fixture {
  test_system system;
  event_source<> source;
  values called;
  std::map<std::string, completion<std::string>> kept; ///< of asynchronous calls, by value
  std::optional<stage_handle<std::string>> work;

  explicit fixture(processor_kind kind = processor_kind::blocking,
                   stage_mode mode = stage_mode::by_key)
    : source(system, {.group = "g", .topic = "t", .output_order = output_order::none}) {
    auto call = [this](std::string_view, std::string& value) {
      called.push_back(value);
      return value + " is done";
    };
    auto begin = [this](std::string_view, std::string& value, completion<std::string> done) {
      called.push_back(value);
      kept.emplace(value, std::move(done));
    };
    if (kind == processor_kind::blocking)
      add(blocking(call), mode);
    else if (kind == processor_kind::async)
      add(async(begin), mode);
    else
      add(shared_actor([](caf::actor_system&) { return caf::actor{}; }), mode);
    handle();
  }

  template <class Processor>
  explicit fixture(Processor processor)
    : system(), source(system, {.group = "g", .topic = "t", .output_order = output_order::none}) {
    add(std::move(processor), stage_mode::by_key);
    handle();
  }

  template <class Processor>
  void add(Processor processor, stage_mode mode) {
    work = source.stage<std::string, std::string>(
      "work", std::move(processor),
      [](context<>& ctx, std::string_view, std::string& job, caf::expected<std::string> result) {
        auto text = result                              ? *result
                    : result.error() == errc::timed_out ? job + " timed out"
                                                        : describe(result.error());
        ctx.forward({.topic = "out", .value = text});
        return complete;
      },
      {.mode = mode, .timeout = timeout});
  }

  void handle() {
    source.on_default([this](context<>& ctx, const record& rec) {
      if (rec.value != "pass")
        return work->schedule(ctx, rec.key, std::string{rec.value});
      ctx.forward({.topic = "out", .value = "pass"});
      return work->pass(ctx, rec.key);
    });
  }
};

using stage_of = test_stage<std::string, std::string>;

stage_of work_in(testkit<no_store>& kit) {
  return kit.stage<std::string, std::string>("work");
}

stage_state state_in(const testkit<no_store>& kit) {
  return kit.state().stages.at(0);
}

} // namespace

TEST_CASE("a job that nobody answers fails when its timeout has passed, and not before") {
  auto kind = GENERATE(processor_kind::blocking, processor_kind::async, processor_kind::actor);
  fixture with{kind};
  testkit kit{with.source};
  kit.advance(50ms);
  kit.feed({.key = "a", .value = "1"});
  kit.advance(99ms);
  CHECK(kit.values().empty());
  kit.advance(1ms);
  CHECK(kit.values() == values{"1 timed out"});
  CHECK(kit.pending() == 0);
  CHECK(kit.committable() == 1);
  CHECK(state_in(kit).timed_out == 1);
  CHECK(state_in(kit).late_answers == 0);
}

TEST_CASE("the error of a job that timed out names the stage's timeout, and follows the policy") {
  test_system system;
  event_source<> source{system, {.group = "g", .topic = "t"}};
  auto stage = source.stage<int, void>("slow", blocking([](std::string_view, int&) {}),
                                       {.timeout = timeout});
  source.on_default(
    [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  testkit kit{source};
  kit.feed({.key = "a"});
  kit.advance(timeout);
  CHECK(kit.state(0) == lifecycle::stopped);
  CHECK_THAT(kit.stop_reason(), Contains("offset 0, key 'a', stage 'slow'") && Contains("100 ms"));
}

TEST_CASE("a job that is answered in time does not time out, nor does its key's next one early") {
  auto kind = GENERATE(processor_kind::blocking, processor_kind::async, processor_kind::actor);
  fixture with{kind};
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}});
  kit.advance(99ms);
  work_in(kit).next().answer("in time");
  kit.advance(99ms); // the second one's call began when the first one's was over
  CHECK(kit.values() == values{"in time"});
  kit.advance(1ms);
  CHECK(kit.values() == values{"in time", "2 timed out"});
}

TEST_CASE("I3: a blocking call that timed out keeps its key until it returns") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}, {"a", "pass"}, {"b", "3"}});
  auto job = work_in(kit).next("a");
  work_in(kit).next("b").answer("3");
  kit.advance(timeout);
  CHECK(kit.values() == values{"3", "1 timed out"});
  CHECK(work_in(kit).keys().empty());
  CHECK(kit.pending() == 1);
  kit.advance(10 * timeout); // the second job's call has not begun
  CHECK(kit.values().size() == 2);
  CHECK(job.job() == "1"); // what the call works on
  CHECK(state_in(kit).running == 1);
  job.answer("too late");
  CHECK(kit.values().size() == 2);
  CHECK(state_in(kit).late_answers == 1);
  CHECK(work_in(kit).keys() == values{"a"});
  work_in(kit).next().answer("2");
  CHECK(kit.values() == values{"3", "1 timed out", "2", "pass"});
  CHECK(kit.committable() == 4);
  CHECK_THROWS_WITH(job.answer("again"), Contains("answered already"));
}

TEST_CASE("a pass behind a blocking call that timed out waits for the call") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "pass"}});
  auto job = work_in(kit).next();
  kit.advance(timeout);
  CHECK(kit.values() == values{"1 timed out"});
  job.fail(errc::processor_failed, "too late");
  CHECK(kit.values() == values{"1 timed out", "pass"});
}

TEST_CASE("the key of a handler actor or asynchronous function goes on after a timeout") {
  auto kind = GENERATE(processor_kind::async, processor_kind::actor);
  fixture with{kind};
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}});
  auto job = work_in(kit).next();
  kit.advance(timeout);
  CHECK(kit.values() == values{"1 timed out"});
  CHECK(work_in(kit).next().job() == "2");
  CHECK(job.job() == "1");
  job.answer("too late");
  CHECK(state_in(kit).late_answers == 1);
  CHECK(work_in(kit).next().job() == "2");
  CHECK(kit.values().size() == 1);
}

TEST_CASE("a completion that is fulfilled too late is dropped and counted") {
  fixture with{processor_kind::async};
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}});
  kit.run();
  kit.advance(timeout);
  CHECK(kit.values() == values{"1 timed out"});
  kit.run();
  CHECK(with.called == values{"1", "2"});
  CHECK_FALSE(with.kept.at("1").fulfil("too late")); // the completion does not know
  CHECK(state_in(kit).late_answers == 1);
  CHECK_FALSE(with.kept.at("2").fulfil("in time"));
  CHECK(kit.values() == values{"1 timed out", "in time"});
  CHECK(state_in(kit).late_answers == 1);
}

TEST_CASE("a job that is tried again keeps its deadline") {
  fixture with{processor_kind::actor};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.advance(60ms);
  work_in(kit).next().die();
  kit.advance(40ms);
  CHECK(kit.values() == values{"1 timed out"});
}

TEST_CASE("run lets a blocking call that timed out return, and drops what it answers") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}});
  kit.advance(timeout);
  CHECK(with.called.empty());
  CHECK(kit.run() == 2);
  CHECK(with.called == values{"1", "2"}); // it does what it does, late
  CHECK(kit.values() == values{"1 timed out", "2 is done"});
  CHECK(state_in(kit).late_answers == 1);
}

TEST_CASE("a call that the test has begun returns when the test says so, not in run") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}});
  auto job = work_in(kit).next();
  job.begin();
  kit.advance(timeout);
  CHECK(kit.run() == 0);
  job.run();
  CHECK(with.called == values{"1"});
  CHECK(kit.run() == 1);
  CHECK(kit.values() == values{"1 timed out", "2 is done"});
}

TEST_CASE("I3: a partition whose blocking call timed out is not opened again before it returns") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  auto job = work_in(kit).next("a");
  work_in(kit).next("b").answer("2");
  kit.advance(timeout);
  kit.revoke();
  CHECK(kit.state(0) == lifecycle::unassigned); // drained: no job is open
  CHECK(kit.committed() == 2);
  kit.assign();
  kit.feed({.key = "c", .value = "3"});
  kit.advance(10 * timeout);
  CHECK(kit.pending() == 0);
  auto by_the_kit = GENERATE(true, false);
  if (by_the_kit)
    kit.run(1);
  else
    job.answer("too late");
  CHECK(kit.pending() == 1);
  CHECK(kit.values() == values{"2", "1 timed out"});
  CHECK(state_in(kit).late_answers == 0); // its partition is gone
}

TEST_CASE("by run, the jobs of a call time out together, and its key waits for the call once") {
  std::vector<size_t> sizes;
  fixture with{blocking(by_run([&](std::string_view, std::span<std::string* const> jobs) {
    sizes.push_back(jobs.size());
    return std::vector<std::string>(jobs.size(), "done");
  }))};
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}, {"b", "3"}});
  kit.feed({.key = "a", .value = "4"}); // came too late for the call
  auto work = work_in(kit);
  auto first = work.next("a");
  kit.advance(99ms);
  CHECK(kit.values().empty());
  work.next("b").answer("3");
  kit.advance(1ms);
  CHECK(kit.values() == values{"3", "1 timed out", "2 timed out"});
  CHECK(state_in(kit).timed_out == 2);
  CHECK(work.keys().empty());
  first.run();
  CHECK(sizes == std::vector<size_t>{2});
  CHECK(state_in(kit).late_answers == 2);
  CHECK(work.next().job() == "4");
}

TEST_CASE("by_partition, a blocking call that timed out keeps the whole partition's jobs") {
  fixture with{processor_kind::blocking, stage_mode::by_partition};
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  auto job = work_in(kit).next();
  kit.advance(timeout);
  CHECK(work_in(kit).keys().empty());
  job.answer("too late");
  CHECK(work_in(kit).keys() == values{"b"});
}

TEST_CASE("unordered, a blocking call that timed out keeps nobody") {
  fixture with{processor_kind::blocking, stage_mode::unordered};
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}});
  kit.advance(timeout);
  kit.feed({.key = "a", .value = "2"});
  CHECK(work_in(kit).keys() == values{"a"});
  kit.run();
  CHECK(kit.values() == values{"1 timed out", "2 is done"});
}

TEST_CASE("what comes after a job that timed out is a job like any other") {
  auto kind = GENERATE(processor_kind::blocking, processor_kind::async, processor_kind::actor);
  fixture with{kind};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  auto late = work_in(kit).next();
  kit.advance(timeout);
  late.answer("too late");
  kit.feed({.key = "a", .value = "2"}); // in the place, and in the memory, of the first
  work_in(kit).next().answer("2");
  kit.feed({.key = "a", .value = "pass"}); // nothing is before it
  CHECK(kit.values() == values{"1 timed out", "2", "pass"});
  CHECK(state_in(kit).timed_out == 1);
  CHECK(state_in(kit).late_answers == 1);
  CHECK(state_in(kit).keys == 0);
}

TEST_CASE("the return of a late call lets in what its key's place kept out") {
  test_system system;
  event_source<> source{system, {.group = "g", .topic = "t"}};
  std::vector<int64_t> handled;
  auto stage = source.stage<int, void>(
    "work", blocking([](std::string_view, int&) {}),
    [](context<>&, std::string_view, int&, caf::expected<void>) { return complete; },
    {.limits = {.concurrency = 9, .waiting_per_worker = 9, .concurrent_keys = 2},
     .timeout = timeout});
  source.on_default([&, stage](context<>& ctx, const record& rec) {
    handled.push_back(rec.offset);
    return stage.schedule(ctx, rec.key, 1);
  });
  testkit kit{source};
  kit.feed({.key = "a"});
  auto late = kit.stage<int, void>("work").next();
  kit.advance(50ms);
  kit.feed({.key = "b"});
  kit.feed({.key = "c"});
  kit.advance(50ms);
  CHECK(kit.state().stages.at(0).timed_out == 1);
  CHECK(handled == std::vector<int64_t>{0, 1}); // a's call keeps its place
  late.answer();
  CHECK(handled == std::vector<int64_t>{0, 1, 2});
}

TEST_CASE("I3: a lost partition's blocking call is waited for, however long it takes") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  auto job = work_in(kit).next();
  job.begin();
  kit.lose();
  kit.assign();
  kit.advance(10 * timeout);
  CHECK(kit.pending() == 0);
  job.answer("too late");
  CHECK(kit.pending() == 1);
  CHECK(state_in(kit).timed_out == 0); // nobody waited for it
}
