// The testkit: what it shows, what it lets a test do, and what it says of a wrong use.
#include <keyloom/testkit.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <iostream>
#include <sstream>

namespace {

using namespace keyloom;
using Catch::Matchers::Contains;
using namespace std::chrono_literals;
using values = std::vector<std::string>;

struct tally {
  int sum = 0;
  void apply(int change) { sum += change; }
};

/// A record's value is parsed off the partition, added to the store, and sent on as the new sum.
struct fixture {
  test_system system;
  event_source<tally> source;

  explicit fixture(source_config cfg = {.group = "g", .topic = "numbers"})
    : source(system, std::move(cfg), [] { return tally{}; }) {
    auto parse = [](std::string_view, std::string& text) { return std::stoi(text); };
    auto add = [](context<tally>& ctx, std::string_view key, std::string&,
                  caf::expected<int> number) -> outcome {
      if (!number)
        return number.error();
      ctx.record_change(*number);
      ctx.forward(
        {.topic = "sums", .key = std::string{key}, .value = std::to_string(ctx.store().sum)});
      return complete;
    };
    auto stage = source.stage<std::string, int>("parse", blocking(parse), add);
    source.on<std::string>(text{}, [stage](context<tally>& ctx, std::string number) {
      return stage.schedule(ctx, ctx.input().key, std::move(number));
    });
  }
};

} // namespace

TEST_CASE("a job is shown with its key and value, and its answer reaches store and outputs") {
  fixture with;
  testkit kit{with.source};
  CHECK(kit.feed({.key = "a", .value = "5"}) == 0);
  auto parse = kit.stage<std::string, int>("parse");
  REQUIRE(parse.keys() == values{"a"});
  CHECK(parse.next().job() == "5");
  CHECK(parse.next().offset() == 0);
  CHECK(kit.store().sum == 0);
  parse.next("a").answer(7);
  CHECK(parse.empty());
  CHECK(kit.store().sum == 7);
  CHECK(kit.values() == values{"7"});
  CHECK(kit.outputs()[0].state == test_output::delivery::acknowledged);
  CHECK(kit.outputs()[0].source_offset == 0);
  CHECK(kit.committable() == 1);
}

TEST_CASE("run calls the functions themselves until nothing is left") {
  fixture with;
  testkit kit{with.source};
  for (auto* number : {"1", "2", "3"})
    kit.feed({.key = number, .value = number});
  CHECK(kit.pending() == 3);
  CHECK(kit.run() == 3);
  CHECK(kit.store().sum == 6);
  CHECK_FALSE(kit.step());
}

TEST_CASE("of the jobs of a key only the first may be answered, of different keys any") {
  fixture with{{.group = "g", .topic = "t", .key_turns = key_turns::interleaved}};
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}, {"b", "3"}});
  auto parse = kit.stage<std::string, int>("parse");
  CHECK(parse.size() == 3);
  CHECK(parse.keys() == values{"a", "b"});
  parse.next("b").run();
  parse.next("a").run();
  CHECK(parse.next().job() == "2");
}

TEST_CASE("the same seed runs the same way, another one another way") {
  auto outputs = [](uint64_t seed) {
    fixture with;
    testkit kit{with.source, {.seed = seed}};
    for (auto* number : {"1", "2", "4", "8", "16", "32", "64"})
      kit.feed({.key = number, .value = number});
    kit.run();
    CHECK(kit.seed() == seed);
    return kit.values();
  };
  CHECK(outputs(1) == outputs(1));
  CHECK(outputs(1) != outputs(2));
}

TEST_CASE("time commits what is out, at commit_interval") {
  fixture with{{.group = "g", .topic = "t", .commit_interval = 100ms}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  auto wall = kit.wall_now();
  kit.advance(99ms);
  CHECK(kit.committed() == -1);
  kit.advance(1ms);
  CHECK(kit.committed() == 1);
  CHECK(kit.wall_now() - wall == 100ms);
  CHECK(kit.state().commits == 1);
}

TEST_CASE("after a crash the uncommitted records come again, to a new store") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  kit.commit();
  kit.feed_batch({{"a", "10"}, {"b", "100"}});
  kit.run(1);
  CHECK(kit.values().size() == 2);
  kit.crash();
  CHECK(kit.state(0) == lifecycle::unassigned);
  kit.restart();
  CHECK(kit.store().sum == 0);
  CHECK(kit.pending() == 2);
  kit.run();
  CHECK(kit.store().sum == 110);
  CHECK(kit.values().size() == 4);
  CHECK(kit.committed() == 1);
}

TEST_CASE("a revoked partition drains, commits and comes back at its commit with a new store") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  kit.stage<std::string, int>("parse").next("a").run();
  kit.revoke();
  CHECK(kit.state(0) == lifecycle::draining);
  kit.run();
  CHECK(kit.state(0) == lifecycle::unassigned);
  CHECK(kit.committed() == 2);
  kit.feed({.key = "c", .value = "4"});
  CHECK(kit.pending() == 0);
  kit.assign();
  kit.run();
  CHECK(kit.store().sum == 4);
}

TEST_CASE("a partition that does not drain in time is given up at drain_deadline") {
  fixture with{{.group = "g", .topic = "t", .drain_deadline = 1s}};
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  auto parse = kit.stage<std::string, int>("parse");
  auto job = parse.next("b");
  parse.next("a").run();
  kit.revoke();
  kit.advance(999ms);
  CHECK(kit.state(0) == lifecycle::draining);
  kit.advance(1ms);
  CHECK(kit.state(0) == lifecycle::unassigned);
  CHECK(kit.committed() == 1);
  CHECK(parse.empty());
  CHECK_THROWS_WITH(job.answer(2), Contains("key 'b' in stage 'parse'") && Contains("is gone"));
  kit.assign();
  CHECK(parse.keys() == values{"b"});
}

TEST_CASE("I3: a partition is not opened again before the calls that had begun have returned") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  auto job = kit.stage<std::string, int>("parse").next();
  job.begin();
  kit.lose();
  kit.assign();
  CHECK(kit.pending() == 0);
  job.answer(1);
  CHECK(kit.pending() == 1);
  CHECK(kit.values().empty());
}

TEST_CASE("partitions have records, stores and commits of their own") {
  fixture with;
  testkit kit{with.source, {.partitions = 2}};
  kit.feed({.key = "a", .value = "1"});
  kit.feed({.key = "a", .value = "2", .partition = 1});
  kit.run();
  kit.commit();
  CHECK(kit.store(0).sum == 1);
  CHECK(kit.store(1).sum == 2);
  kit.lose(1);
  CHECK(kit.committed(1) == 1);
  CHECK(kit.state(0) == lifecycle::active);
}

TEST_CASE("acknowledged by hand, an event is out when the test says so") {
  fixture with;
  testkit kit{with.source, {.acks = test_acks::by_hand}};
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  kit.run();
  CHECK(kit.outputs()[1].state == test_output::delivery::pending);
  kit.acknowledge(1);
  CHECK(kit.committable() == (kit.outputs()[1].source_offset == 0 ? 1 : 0));
  kit.acknowledge_all();
  CHECK(kit.committable() == 2);
  CHECK_THROWS_WITH(kit.acknowledge(1), Contains("output 1 does not wait for a report"));
}

TEST_CASE("acknowledged in steps, run does it") {
  fixture with;
  testkit kit{with.source, {.acks = test_acks::in_steps}};
  kit.feed({.key = "a", .value = "1"});
  kit.run(1);
  CHECK(kit.committable() == 0);
  kit.run();
  CHECK(kit.committable() == 1);
}

TEST_CASE("an output the broker refuses stops its partition") {
  fixture with;
  testkit kit{with.source, {.acks = test_acks::by_hand}};
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  kit.refuse(0);
  CHECK(kit.state(0) == lifecycle::stopped);
  CHECK_THAT(kit.stop_reason(), Contains("offset 0") && Contains("the test refused"));
  CHECK(kit.ended());
}

TEST_CASE("what finds no room in the producer's queue is tried again after 5 ms") {
  fixture with;
  testkit kit{with.source};
  kit.producer_room(0);
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  CHECK(kit.values().empty());
  kit.producer_room(1);
  kit.advance(4ms);
  CHECK(kit.values().empty());
  kit.advance(1ms);
  CHECK(kit.values() == values{"1"});
}

TEST_CASE("holes in the offsets are passed over, and the position behind them is committed") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1", .offset = 7});
  kit.feed_hole(2);
  kit.run();
  CHECK(kit.committable() == 10);
  CHECK_THROWS_WITH(kit.feed({.offset = 3}), Contains("offset 3") && Contains("is 10"));
}

TEST_CASE("a job that fails is the finalizer's to judge") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.stage<std::string, int>("parse").next().fail(errc::processor_failed, "no table");
  CHECK_THAT(kit.stop_reason(), Contains("stage 'parse'") && Contains("no table"));
  CHECK(kit.committable() == 0);
}

TEST_CASE("jobs of a stopped partition that have not begun are dropped") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  auto parse = kit.stage<std::string, int>("parse");
  auto begun = parse.next("b");
  begun.begin();
  parse.next("a").fail(errc::processor_failed, "no table");
  CHECK(parse.keys() == values{"b"});
  CHECK(kit.run() == 0);
  begun.run();
  CHECK(kit.values().empty());
}

TEST_CASE("under stop_source, a failure drains the other partitions") {
  fixture with{{.group = "g", .topic = "t", .on_error = failure_action::stop_source}};
  testkit kit{with.source, {.partitions = 2}};
  kit.feed({.key = "a", .value = "1", .partition = 1});
  kit.feed({.key = "a", .value = "no number"});
  auto parse = kit.stage<std::string, int>("parse");
  parse.jobs()[1].run();
  CHECK(kit.ended());
  CHECK(kit.state(1) == lifecycle::draining);
  kit.run();
  CHECK(kit.state(1) == lifecycle::unassigned);
  CHECK(kit.committed(1) == 1);
}

TEST_CASE("a stop drains every partition and commits") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.stop();
  CHECK(kit.state(0) == lifecycle::draining);
  kit.run();
  CHECK(kit.state(0) == lifecycle::unassigned);
  CHECK(kit.committed() == 1);
  CHECK(kit.ended());
  kit.restart();
  CHECK(kit.state(0) == lifecycle::active);
  CHECK_FALSE(kit.ended());
}

TEST_CASE("answer_with stands for a stage's processor") {
  fixture with;
  testkit kit{with.source};
  kit.stage<std::string, int>("parse").answer_with(
    [](std::string_view, std::string&) { return 42; });
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  CHECK(kit.values() == values{"42"});
}

TEST_CASE("an unknown stage is named, with those there are") {
  fixture with;
  testkit kit{with.source};
  CHECK_THROWS_WITH((kit.stage<std::string, int>("prase")),
                    Contains("no stage 'prase'") && Contains("'parse'"));
}

TEST_CASE("other types than those of the stage are named, with the right ones") {
  fixture with;
  testkit kit{with.source};
  CHECK_THROWS_WITH((kit.stage<int, int>("parse")),
                    Contains("stage 'parse' was defined with the types <std::")
                      && Contains(", int>") && Contains("not <int, int>"));
}

TEST_CASE("a job that is answered twice says which it was") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  auto job = kit.stage<std::string, int>("parse").next();
  job.answer(1);
  CHECK_THROWS_WITH(job.answer(1), Contains("key 'a' in stage 'parse' (partition 0, offset 0)")
                                     && Contains("answered already"));
  CHECK_THROWS_AS(job.job(), testkit_error);
}

TEST_CASE("asking for a job that is not there names the keys that are") {
  fixture with;
  testkit kit{with.source};
  CHECK_THROWS_WITH((kit.stage<std::string, int>("parse").next()), Contains("no job"));
  kit.feed({.key = "a", .value = "1"});
  CHECK_THROWS_WITH((kit.stage<std::string, int>("parse").next("b")),
                    Contains("key 'b'") && Contains("'a'"));
}

TEST_CASE("only handler actors can die") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  CHECK_THROWS_WITH((kit.stage<std::string, int>("parse").next().die()),
                    Contains("stage 'parse' has no handler actor"));
}

TEST_CASE("a partition there is not, or that is not assigned, is named") {
  fixture with;
  testkit kit{with.source};
  CHECK_THROWS_WITH(kit.feed({.partition = 1}), Contains("no partition 1"));
  CHECK_THROWS_WITH(kit.assign(), Contains("partition 0 is assigned"));
  kit.lose();
  CHECK_THROWS_WITH(kit.store(), Contains("partition 0 is not assigned"));
}

TEST_CASE("a source that would not start makes no kit") {
  fixture with{{.group = "g"}};
  CHECK_THROWS_WITH(testkit{with.source}, Contains("would not start") && Contains("topic"));
}

TEST_CASE("the kit called from inside a turn says so") {
  test_system system;
  event_source<> source{system, {.group = "g", .topic = "t"}};
  testkit<no_store>* inside = nullptr;
  std::string said;
  source.on_default([&](context<>&, const record&) {
    try {
      inside->commit();
    } catch (const testkit_error& ex) {
      said = ex.what();
    }
    return complete;
  });
  testkit kit{source};
  inside = &kit;
  kit.feed({});
  CHECK_THAT(said, Contains("from inside a handler"));
}

TEST_CASE("a kit describes its seed and what it waits for") {
  fixture with;
  testkit kit{with.source, {.seed = 17}};
  kit.feed({.key = "a", .value = "1"});
  auto text = kit.describe();
  CHECK_THAT(text, Contains("KEYLOOM_SEED=17"));
  CHECK_THAT(text, Contains("partition 0: active, records to 1, committed -1"));
  CHECK_THAT(text, Contains("stage 'parse' waits for key 'a' (partition 0, offset 0)"));
}

TEST_CASE("a kit that an exception ends prints what it was doing") {
  std::ostringstream printed;
  auto* before = std::cerr.rdbuf(printed.rdbuf());
  try {
    fixture with;
    testkit quiet{with.source};
    testkit kit{with.source, {.seed = 17}};
    throw std::runtime_error{"a failed assertion"};
  } catch (const std::exception&) {
    // as a test framework does
  }
  std::cerr.rdbuf(before);
  CHECK_THAT(printed.str(), Contains("KEYLOOM_SEED=17"));
}

TEST_CASE("seeds are 1 to the count, or the one of the environment") {
  struct environment {
    explicit environment(const char* seed) {
      if (auto* value = std::getenv("KEYLOOM_SEED"))
        before = value;
      seed == nullptr ? unsetenv("KEYLOOM_SEED") : setenv("KEYLOOM_SEED", seed, 1);
    }
    ~environment() {
      before.empty() ? unsetenv("KEYLOOM_SEED") : setenv("KEYLOOM_SEED", before.c_str(), 1);
    }
    std::string before;
  };
  {
    environment const without{nullptr};
    CHECK(test_seeds(3) == std::vector<uint64_t>{1, 2, 3});
  }
  environment const with{"17"};
  CHECK(test_seeds(3) == std::vector<uint64_t>{17});
  fixture any;
  CHECK(testkit{any.source}.seed() == 17);
}

TEST_CASE("a source that skips headers gets none") {
  test_system system;
  event_source<> source{system, {.group = "g", .topic = "t", .skip_headers = true}};
  std::optional<bool> typed;
  source.on_default([&](context<>&, const record& rec) {
    typed = rec.type().has_value();
    return complete;
  });
  testkit kit{source};
  kit.feed({.type = "leg"});
  CHECK(typed == false);
}
