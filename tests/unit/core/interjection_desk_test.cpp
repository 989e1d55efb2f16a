#include "runtime/core/interjection_desk.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace std::chrono_literals;
using core::interjection_desk;

namespace {

std::vector<detail::scheduled_interjection> every(std::chrono::milliseconds period,
                                                  std::chrono::milliseconds jitter = 0ms) {
  return {{"tick", {}, period, jitter}};
}

constexpr core::steady_time start{1h};

} // namespace

TEST_CASE("a scheduled interjection is due again a period after its last run began") {
  auto defined = every(100ms);
  interjection_desk desk{defined, 1};
  desk.open(start);
  core::steady_time due;
  CHECK(desk.take_due(start + 99ms, due) == nullptr);
  REQUIRE(desk.take_due(start + 130ms, due) != nullptr);
  CHECK(due == start + 100ms);
  CHECK(desk.next_due() == start + 230ms);
}

TEST_CASE("after a long pause an interjection comes once, not in a burst") {
  auto defined = every(100ms, 99ms);
  interjection_desk desk{defined, 7};
  desk.open(start);
  core::steady_time due;
  auto late = start + 24h;
  REQUIRE(desk.take_due(late, due) != nullptr);
  CHECK(desk.take_due(late, due) == nullptr);
  CHECK(*desk.next_due() > late);
}

TEST_CASE("an interjection under way is not due, and the next run comes when it is over") {
  auto defined = every(100ms);
  interjection_desk desk{defined, 1};
  desk.open(start);
  core::steady_time due;
  core::event ev;
  auto* tick = desk.take_due(start + 100ms, due);
  desk.begins(*tick, ev, start + 100ms);
  CHECK_FALSE(desk.next_due());
  CHECK(desk.take_due(start + 10min, due) == nullptr);
  CHECK(desk.oldest() == tick);
  desk.ended(*tick);
  CHECK(desk.take_due(start + 10min, due) == tick);
  CHECK(due == start + 200ms);
  CHECK(desk.take_due(start + 10min, due) == nullptr);
  CHECK(desk.oldest() == nullptr);
}

TEST_CASE("jitter stays within its bounds, reaches both sides, and comes from the seed") {
  auto defined = every(1000ms, 100ms);
  auto runs = [&defined](uint64_t seed) {
    interjection_desk desk{defined, seed};
    desk.open(start);
    std::vector<core::steady_time::duration> result;
    core::steady_time due;
    for (auto now = start; result.size() < 200; result.push_back(*desk.next_due() - now)) {
      now = *desk.next_due();
      desk.take_due(now, due);
    }
    return result;
  };
  auto distances = runs(3);
  auto [least, most] = std::ranges::minmax(distances);
  CHECK(least >= 900ms);
  CHECK(most <= 1100ms);
  CHECK(least < 950ms);
  CHECK(most > 1050ms);
  CHECK(distances == runs(3));
  CHECK(distances != runs(4));
}

TEST_CASE("an interjection that nobody takes any more answers who asked for it") {
  std::vector<caf::error> answers;
  auto ask = [&answers] {
    return std::make_shared<detail::asked_interjection>(
      interjection_result{"topic", 3, {}}, "asked for", detail::interjection_function{},
      [&answers](caf::error reason) { answers.push_back(std::move(reason)); });
  };
  ask();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0] == errc::given_up);
  CHECK_THAT(describe(answers[0]), Catch::Contains("topic topic, partition 3"));
  ask()->answer({});
  REQUIRE(answers.size() == 2);
  CHECK(!answers[1]);
}
