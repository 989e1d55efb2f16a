#include "runtime/core/commit_plan.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace {

using plan = keyloom::core::commit_plan<std::string>;

} // namespace

TEST_CASE("only partitions that moved are committed") {
  plan commits;
  commits.add("a", 5);
  commits.add("b", 5);
  CHECK(commits.next().empty());
  commits.moved("b", 7);
  auto sent = commits.next();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].where == "b");
  CHECK(sent[0].offset == 7);
}

TEST_CASE("I1: one commit is under way at a time, so commits never overtake each other") {
  plan commits;
  commits.add("a", 0);
  commits.moved("a", 1);
  auto sent = commits.next();
  CHECK(commits.under_way());
  commits.moved("a", 2);
  CHECK(commits.next().empty());
  commits.answered(sent, true);
  CHECK(commits.committed("a") == 1);
  auto again = commits.next();
  REQUIRE(again.size() == 1);
  CHECK(again[0].offset == 2);
}

TEST_CASE("I1: an offset lower than before is ignored") {
  plan commits;
  commits.add("a", 5);
  commits.moved("a", 9);
  commits.moved("a", 6);
  auto sent = commits.next();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].offset == 9);
  commits.answered(sent, true);
  commits.moved("a", 8);
  CHECK(commits.next().empty());
}

TEST_CASE("a commit that failed is sent again with what moved since") {
  plan commits;
  commits.add("a", 0);
  commits.moved("a", 1);
  auto sent = commits.next();
  commits.answered(sent, false);
  CHECK(commits.committed("a") == 0);
  commits.moved("a", 3);
  auto again = commits.next();
  REQUIRE(again.size() == 1);
  CHECK(again[0].offset == 3);
}

TEST_CASE("I6: a partition that was removed is not committed, and late news of it is ignored") {
  plan commits;
  commits.add("a", 0);
  commits.moved("a", 1);
  auto sent = commits.next();
  commits.remove("a");
  commits.moved("a", 2);
  commits.answered(sent, true);
  CHECK(commits.next().empty());
  CHECK_FALSE(commits.committed("a").has_value());
}
