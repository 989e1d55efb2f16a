#include "runtime/core/topic_watch.hpp"

#include <catch2/catch.hpp>

#include <compare>

using namespace keyloom::core;
using namespace std::chrono_literals;

namespace {

struct place {
  std::string topic;
  int partition = 0;
  auto operator<=>(const place&) const = default;
};

using names = std::vector<std::string>;
using places = std::vector<place>;

constexpr topic_id first{1};
constexpr topic_id second{2};

struct watched {
  steady_time now{1h};
  topic_watch<place> watch{5s};

  names due_after(std::chrono::milliseconds time) {
    now += time;
    return watch.due(now);
  }

  topic_watch<place>::findings hears(const std::map<std::string, topic_id>& ids) {
    return watch.answered(ids);
  }
};

} // namespace

TEST_CASE("a topic with another id than its partitions began with was created anew") {
  watched it;
  it.watch.add({"a", 0}, first);
  it.watch.add({"a", 1}, second); // assigned after that
  it.watch.add({"b", 0}, first);
  CHECK(it.due_after(5s) == names{"a", "b"});
  auto found = it.hears({{"a", second}, {"b", first}});
  CHECK(found.recreated == places{{"a", 0}});
  CHECK(found.as_before.empty());
}

TEST_CASE("the cluster is asked for topics once in an interval, and one question at a time") {
  watched it;
  it.watch.add({"a", 0}, first);
  CHECK(it.due_after(0s) == names{"a"});
  CHECK(it.due_after(6s).empty()); // not answered
  it.hears({{"a", first}});
  CHECK(it.due_after(0s) == names{"a"}); // as it is late
  it.hears({{"a", first}});
  CHECK(it.due_after(4'999ms).empty());
  CHECK(it.due_after(1ms) == names{"a"});
}

TEST_CASE("a topic that was created anew is told once") {
  watched it;
  it.watch.add({"a", 0}, first);
  it.due_after(5s);
  CHECK(it.hears({{"a", second}}).recreated == places{{"a", 0}});
  CHECK(it.due_after(5s).empty());
}

TEST_CASE("an answer counts only for partitions that were followed when it was asked for") {
  watched it;
  it.watch.add({"a", 0}, first);
  it.watch.add({"b", 0}, first);
  it.due_after(5s);
  it.watch.add({"a", 0}, second); // came anew meanwhile
  it.watch.remove({"b", 0});
  auto found = it.hears({{"a", first}, {"b", second}});
  CHECK(found.recreated.empty());
  CHECK(it.due_after(5s) == names{"a"});
}

TEST_CASE("a topic that is gone, or that nobody told of, was not created anew") {
  watched it;
  it.watch.add({"a", 0}, first);
  it.due_after(5s);
  CHECK(it.hears({}).recreated.empty());
  CHECK(it.due_after(5s) == names{"a"});
}

TEST_CASE("a partition that fails is asked about at once") {
  watched it;
  it.watch.add({"a", 0}, first);
  it.watch.add({"a", 1}, first);
  it.due_after(5s);
  it.hears({{"a", first}});
  CHECK(it.watch.suspect({"a", 1}));
  CHECK(it.due_after(0s) == names{"a"});
  auto found = it.hears({{"a", first}});
  CHECK(found.as_before == places{{"a", 1}});
  CHECK(found.recreated.empty());
  it.due_after(5s);
  CHECK(it.hears({{"a", first}}).as_before.empty()); // told once
}

TEST_CASE("a question from before a failure does not tell why it failed") {
  watched it;
  it.watch.add({"a", 0}, first);
  it.due_after(5s);
  it.watch.suspect({"a", 0});
  CHECK(it.due_after(0s).empty());
  auto early = it.hears({{"a", first}});
  CHECK(early.as_before.empty());
  CHECK(it.due_after(0s) == names{"a"});
  CHECK(it.hears({{"a", second}}).recreated == places{{"a", 0}});
}

TEST_CASE("when nobody answers, a failure is what it seemed") {
  watched it;
  it.watch.add({"a", 0}, first);
  it.watch.suspect({"a", 0});
  it.due_after(0s);
  CHECK(it.hears({}).as_before == places{{"a", 0}});
}

TEST_CASE("a partition whose topic has no id is not followed") {
  watched it;
  it.watch.add({"a", 0}, std::nullopt);
  CHECK(!it.watch.suspect({"a", 0}));
  CHECK(it.due_after(5s).empty());
}
