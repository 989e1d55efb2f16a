#include "runtime/core/commit_plan.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace {

using plan = keyloom::core::commit_plan<std::string>;
using runs = std::vector<keyloom::core::offset_run>;

} // namespace

TEST_CASE("only partitions that moved are committed") {
  plan commits;
  commits.add("a", {5});
  commits.add("b", {5});
  CHECK(commits.next().empty());
  commits.moved("b", 7);
  auto sent = commits.next();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].where == "b");
  CHECK(sent[0].what.offset == 7);
}

TEST_CASE("I1: one commit is under way at a time, so commits never overtake each other") {
  plan commits;
  commits.add("a", {0});
  commits.moved("a", 1);
  auto sent = commits.next();
  CHECK(commits.under_way());
  commits.moved("a", 2);
  CHECK(commits.next().empty());
  commits.answered(sent, true);
  CHECK(commits.committed("a") == 1);
  auto again = commits.next();
  REQUIRE(again.size() == 1);
  CHECK(again[0].what.offset == 2);
}

TEST_CASE("I1: an offset lower than before is ignored") {
  plan commits;
  commits.add("a", {5});
  commits.moved("a", 9);
  commits.moved("a", 6);
  auto sent = commits.next();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].what.offset == 9);
  commits.answered(sent, true);
  commits.moved("a", 8);
  CHECK(commits.next().empty());
}

TEST_CASE("a commit that failed is sent again with what moved since") {
  plan commits;
  commits.add("a", {0});
  commits.moved("a", 1);
  auto sent = commits.next();
  commits.answered(sent, false);
  CHECK(commits.committed("a") == 0);
  commits.moved("a", 3);
  auto again = commits.next();
  REQUIRE(again.size() == 1);
  CHECK(again[0].what.offset == 3);
}

TEST_CASE("I6: a partition that was removed is not committed, and late news of it is ignored") {
  plan commits;
  commits.add("a", {0});
  commits.moved("a", 1);
  auto sent = commits.next();
  commits.remove("a");
  commits.moved("a", 2);
  commits.answered(sent, true);
  CHECK(commits.next().empty());
  CHECK_FALSE(commits.committed("a").has_value());
}

TEST_CASE("a commit is worth sending when only what is out beyond its offset has changed") {
  plan commits;
  commits.add("a", {5, {{7, 9}}});
  CHECK(commits.next().empty()); // as it is committed already
  commits.moved("a", {5, {{7, 9}}});
  CHECK(commits.next().empty());
  commits.moved("a", {5, {{7, 10}}});
  CHECK_FALSE(commits.sent("a"));
  auto sent = commits.next();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].what.offset == 5);
  CHECK(sent[0].what.beyond == runs{{7, 10}});
  CHECK(commits.sent("a"));
  commits.answered(sent, true);
  CHECK(commits.next().empty());
}

TEST_CASE("I2: what the offset has passed is not beyond it any more") {
  plan commits;
  commits.add("a", {5});
  commits.moved("a", {5, {{7, 9}, {11, 12}}});
  commits.moved("a", 10);
  auto sent = commits.next();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].what.offset == 10);
  CHECK(sent[0].what.beyond == runs{{11, 12}});
}

TEST_CASE("I2: what was seen before the offset moved is told relative to where it is now") {
  plan commits;
  commits.add("a", {5});
  commits.moved("a", 10);
  commits.moved("a", {5, {{7, 9}, {11, 12}}});
  auto sent = commits.next();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].what.offset == 10);
  CHECK(sent[0].what.beyond == runs{{11, 12}});
}

TEST_CASE("a commit that failed is sent again even if only what is beyond had changed") {
  plan commits;
  commits.add("a", {5});
  commits.moved("a", {5, {{7, 9}}});
  auto sent = commits.next();
  commits.answered(sent, false);
  CHECK_FALSE(commits.sent("a"));
  auto again = commits.next();
  REQUIRE(again.size() == 1);
  CHECK(again[0].what.beyond == runs{{7, 9}});
}

TEST_CASE("nothing is committed while no offset is known") {
  plan commits;
  commits.add("a", {-1});
  commits.moved("a", {-1, {{7, 9}}});
  CHECK(commits.next().empty());
}
