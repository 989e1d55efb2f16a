// Asynchronous functions in the testkit: the function is called, the test keeps its completion, and
// answers when it likes.
#include <keyloom/testkit.hpp>

#include <catch2/catch.hpp>

#include <map>
#include <thread>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

/// A record's value is a number that is given to an asynchronous function, whose completions are
/// kept by number. Its answer, or its error, goes to `out`.
struct fixture {
  test_system system;
  event_source<> source;
  std::map<int, completion<int>> kept;
  std::vector<int> called;
  std::function<void(int, completion<int>&)> at_once = [](int, completion<int>&) {};

  explicit fixture(stage_options how = {},
                   const source_config& cfg = {.group = "g", .topic = "numbers"})
    : source(system, cfg) {
    auto begin = [this](std::string_view, int& number, completion<int> done) {
      called.push_back(number);
      at_once(number, done);
      kept.emplace(number, std::move(done));
    };
    auto stage = source.stage<int, int>(
      "ask", async(begin),
      [](context<>& ctx, std::string_view key, int& number, caf::expected<int> answer) {
        ctx.forward({.topic = "out",
                     .key = std::string{key},
                     .value = std::to_string(number) + ": "
                              + (answer ? std::to_string(*answer) : describe(answer.error()))});
        return complete;
      },
      how);
    source.on<std::string>(text{}, [stage](context<>& ctx, const std::string& number) {
      return stage.schedule(ctx, ctx.input().key, std::stoi(number));
    });
  }

  bool answer(int number, caf::expected<int> result) {
    auto done = std::move(kept.at(number));
    kept.erase(number);
    return done(std::move(result));
  }
};

} // namespace

TEST_CASE("an asynchronous function that answers before it returns is over with its step") {
  fixture with;
  with.at_once = [](int number, completion<int>& done) { done(number / 2); };
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "8"});
  CHECK(kit.run() == 1);
  CHECK(kit.values() == values{"8: 4"});
}

TEST_CASE("a completion that is kept answers its job when the test fulfils it") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}, {"b", "3"}});
  CHECK(kit.run() == 2); // a call of each key
  CHECK(with.called.size() == 2);
  CHECK(kit.pending() == 3);
  CHECK(kit.stage<int, int>("ask").empty() == false);
  CHECK(kit.stage<int, int>("ask").keys().empty()); // nothing that the test could answer itself
  CHECK(kit.values().empty());
  CHECK(with.answer(3, 33));
  CHECK(kit.values() == values{"3: 33"});
  CHECK(kit.committable() == 0);
  CHECK(with.answer(1, 11));
  CHECK(kit.values() == values{"3: 33", "1: 11"});
  CHECK(kit.stage<int, int>("ask").keys() == values{"a"}); // its key's next job
  kit.run();
  CHECK(with.answer(2, 22));
  CHECK(kit.committable() == 3);
  CHECK(kit.pending() == 0);
}

TEST_CASE("one job's own function may be called, and answers later") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  auto ask = kit.stage<int, int>("ask");
  auto job = ask.next("b");
  job.run();
  CHECK(with.called == std::vector<int>{2});
  CHECK(job.job() == 2); // what the function has
  CHECK(ask.keys() == values{"a"});
  CHECK(with.answer(2, 22));
  CHECK(kit.values() == values{"2: 22"});
  CHECK_THROWS_WITH(job.job(), Contains("answered already"));
}

TEST_CASE("a job whose function was called is answered by its completion and by nobody else") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  auto job = kit.stage<int, int>("ask").next();
  job.run();
  for (auto wrong : {0, 1, 2})
    CHECK_THROWS_WITH(wrong == 0   ? job.answer(7)
                      : wrong == 1 ? job.fail(errc::processor_failed, "no")
                                   : job.run(),
                      Contains("key 'a' in stage 'ask'") && Contains("answered by its completion"));
  CHECK_FALSE(kit.step());
  CHECK(with.answer(1, 11));
  CHECK(kit.values() == values{"1: 11"});
}

TEST_CASE("a completion that is dropped fails its job") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  with.kept.clear();
  REQUIRE(kit.values().size() == 1);
  CHECK_THAT(kit.values()[0], Contains("1: the completion was dropped"));
  CHECK(kit.committable() == 1);
}

TEST_CASE("a completion that is fulfilled twice says so, and the first result counts") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  CHECK_FALSE(with.kept.at(1).fulfil(11));
  CHECK(with.kept.at(1).fulfil(12) == errc::wrong_state);
  with.kept.clear();
  kit.run();
  CHECK(kit.values() == values{"1: 11"});
}

TEST_CASE("an asynchronous function that throws fails its job when its completion is gone") {
  fixture with;
  auto keeps = GENERATE(false, true);
  std::optional<completion<int>> elsewhere;
  with.at_once = [&](int, completion<int>& done) {
    if (keeps)
      elsewhere.emplace(std::move(done));
    throw std::runtime_error{"no route"};
  };
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  CHECK(kit.values().size() == (keeps ? 0 : 1));
  elsewhere.reset();
  CHECK(kit.values() == values{"1: the processor threw: no route"});
}

TEST_CASE("what another thread fulfils is taken in with the next call of the kit") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  std::thread{[&] { with.answer(1, 11); }}.join();
  CHECK(kit.values().empty());
  kit.run();
  CHECK(kit.values() == values{"1: 11"});
}

TEST_CASE("a function may fulfil the completion of another job") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  with.at_once = [&](int, completion<int>& done) {
    with.answer(1, 11);
    done(22);
  };
  kit.feed({.key = "b", .value = "2"});
  kit.run();
  CHECK(kit.values() == values{"1: 11", "2: 22"});
}

TEST_CASE("I3: a lost partition is not opened again before its asynchronous calls have ended") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  kit.stage<int, int>("ask").next("a").run();
  kit.lose();
  kit.assign();
  CHECK(kit.pending() == 0);
  CHECK(with.answer(1, 11));
  CHECK(kit.pending() == 2);
  CHECK(kit.values().empty());
}

TEST_CASE("with a timeout, a lost partition is opened again when its calls have taken too long") {
  fixture with{{.timeout = 100ms}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  kit.lose();
  kit.assign();
  kit.advance(99ms);
  CHECK(kit.pending() == 0);
  kit.advance(1ms);
  CHECK(kit.pending() == 1);
  with.answer(1, 11);
  CHECK(kit.values().empty());
}

TEST_CASE("a completion from before a crash, or of a kit that is gone, does nothing") {
  fixture with;
  {
    testkit kit{with.source};
    kit.feed({.key = "a", .value = "1"});
    kit.run();
    auto before = std::move(with.kept.at(1));
    with.kept.clear();
    kit.crash();
    kit.restart();
    CHECK_FALSE(before.fulfil(11));
    CHECK(kit.values().empty());
    CHECK(kit.pending() == 1);
    kit.run();
  }
  CHECK(with.answer(1, 11));
}

TEST_CASE("answer_with stands for an asynchronous function, too") {
  fixture with;
  testkit kit{with.source};
  kit.stage<int, int>("ask").answer_with([](std::string_view, int& number) { return -number; });
  kit.feed({.key = "a", .value = "1"});
  kit.run();
  CHECK(kit.values() == values{"1: -1"});
  CHECK(with.called.empty());
}

TEST_CASE("a kit describes the calls that its completions hold") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  kit.run();
  CHECK_THAT(kit.describe(), Contains("stage 'ask' has calls under way: 2"));
  CHECK(kit.state().stages.at(0).running == 2);
}
