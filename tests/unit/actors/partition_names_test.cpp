#include "actors/partition_names.hpp"

#include <catch2/catch.hpp>

using namespace keyloom::actors;

TEST_CASE("neighbouring partitions are told as a range") {
  CHECK(names_of({{"legs", 0}, {"legs", 1}, {"legs", 2}}) == "legs/0-2");
  CHECK(names_of({{"legs", 2}, {"legs", 0}, {"legs", 1}}) == "legs/0-2");
}

TEST_CASE("partitions that are no neighbours are told one by one") {
  CHECK(names_of({{"legs", 9}, {"legs", 0}, {"legs", 1}}) == "legs/0-1, legs/9");
  CHECK(names_of({{"legs", 0}, {"planes", 1}}) == "legs/0, planes/1");
}

TEST_CASE("one partition is told by its name, and none by nothing") {
  CHECK(names_of({{"legs", 3}}) == "legs/3");
  CHECK(names_of({}).empty());
}

TEST_CASE("a partition that is named twice is told once") {
  CHECK(names_of({{"legs", 3}, {"legs", 3}, {"legs", 4}}) == "legs/3-4");
}
