#include "runtime/core/nearest.hpp"

#include <catch2/catch.hpp>

using namespace keyloom::core;

TEST_CASE("the edit distance counts insertions, removals and replacements") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("credit", "credit") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("credit", "crdit") == 1);
  CHECK(edit_distance("crdit", "credit") == 1);
  CHECK(edit_distance("credit", "kredit") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest name is the one that takes the fewest edits") {
  std::vector<std::string_view> known{"credit", "window", "commit.interval", "drain.deadline"};
  CHECK(nearest("kredit", known) == "credit");
  CHECK(nearest("widnow", known) == "window");
  CHECK(nearest("commit_interval", known) == "commit.interval");
  CHECK(nearest("drain.dedline", known) == "drain.deadline");
}

TEST_CASE("a name without its group is near to the one in the group") {
  CHECK(nearest("interval", {"credit", "commit.interval"}) == "commit.interval");
  CHECK(nearest("intervall", {"internal", "commit.interval"}) == "internal");
}

TEST_CASE("a group's name alone is nearest to a name in the group") {
  CHECK(nearest("commit", {"credit", "commit.interval"}) == "commit.interval");
}

TEST_CASE("the first of equally near names is the nearest, and of none there is none") {
  CHECK(nearest("deadline", {"drain.deadline", "stop.deadline"}) == "drain.deadline");
  CHECK(nearest("x", {}).empty());
}
