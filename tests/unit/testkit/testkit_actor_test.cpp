// Handler actors in the testkit: nobody starts them; the test says what they do.
#include <keyloom/handler_actor.hpp>
#include <keyloom/testkit.hpp>

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

/// A record's value goes to the actor, what it answers to the topic `out`; an error is sent, too.
struct fixture {
  test_system system;
  event_source<> source{system, {.group = "g", .topic = "t"}};
  size_t spawned = 0;

  fixture() {
    auto stage = source.stage<std::string, std::string>(
      "ask", shared_actor([this](caf::actor_system&) {
        ++spawned;
        return caf::actor{};
      }),
      [](context<>& ctx, std::string_view, std::string&, caf::expected<std::string> answer) {
        ctx.forward({.topic = "out", .value = answer ? *answer : describe(answer.error())});
        return complete;
      });
    source.on_default([stage](context<>& ctx, const record& rec) {
      return stage.schedule(ctx, rec.key, std::string{rec.value});
    });
  }
};

} // namespace

TEST_CASE("a handler actor is not started; the test answers for it") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "x"});
  kit.stage<std::string, std::string>("ask").next().answer("y");
  CHECK(kit.values() == values{"y"});
  CHECK(with.spawned == 0);
}

TEST_CASE("a job whose handler actor died is tried once more, before the next job of its key") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}});
  auto ask = kit.stage<std::string, std::string>("ask");
  auto job = ask.next();
  job.die();
  CHECK(ask.next().job() == "1");
  CHECK(ask.next().attempts() == 1);
  job.die();
  REQUIRE(kit.values().size() == 1);
  CHECK_THAT(kit.values()[0], Contains("handler actor died"));
  CHECK(ask.next().job() == "2");
}

TEST_CASE("run asks for the answers of a handler actor, by the stage's name") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "x"});
  CHECK_THROWS_WITH(kit.run(), Contains("stage 'ask'") && Contains("answer_with"));
}

TEST_CASE("an actor that throws once dies once, and its job is tried again") {
  fixture with;
  testkit kit{with.source};
  auto calls = 0;
  kit.stage<std::string, std::string>("ask").answer_with(
    [&](std::string_view key, std::string& job) -> caf::expected<std::string> {
      if (++calls == 1)
        throw std::runtime_error{"ouch"};
      return std::string{key} + job;
    });
  kit.feed({.key = "a", .value = "x"});
  kit.run();
  CHECK(calls == 2);
  CHECK(kit.values() == values{"ax"});
}
