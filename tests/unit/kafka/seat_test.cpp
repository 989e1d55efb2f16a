#include "runtime/kafka/seat.hpp"

#include <keyloom/errc.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <random>

using namespace keyloom;
using kafka::seat;

namespace {

std::string new_name() {
  return "seat test " + std::to_string(std::random_device{}());
}

seat take(const std::string& name) {
  auto result = seat::take(name);
  if (!result)
    FAIL(describe(result.error()));
  return std::move(*result);
}

} // namespace

TEST_CASE("two seats of a name in one process differ, and a freed one is taken again") {
  auto name = new_name();
  std::optional<seat> first{take(name)};
  auto second = take(name);
  CHECK(first->number() == 0);
  CHECK(second.number() == 1);
  CHECK(first->text() != second.text());
  auto text = first->text();
  first.reset();
  auto third = take(name);
  CHECK(third.number() == 0);
  CHECK(third.text() == text);
}

TEST_CASE("seats of different names have nothing to do with each other") {
  auto one = take(new_name());
  auto other = take(new_name());
  CHECK(one.number() == 0);
  CHECK(other.number() == 0);
}

TEST_CASE("a seat that is moved is given back once, by the one that has it") {
  auto name = new_name();
  auto first = take(name);
  {
    auto moved = std::move(first);
    CHECK(moved.number() == 0);
    CHECK(take(name).number() == 1);
  }
  CHECK(take(name).number() == 0);
}
