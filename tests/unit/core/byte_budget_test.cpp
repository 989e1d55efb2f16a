#include "runtime/core/byte_budget.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace keyloom;

namespace {

auto make_budget(uint64_t limit) {
  return std::make_shared<core::byte_budget>(limit);
}

} // namespace

TEST_CASE("open accounts share the limit evenly, closed ones do not") {
  auto budget = make_budget(1200);
  auto first = budget->open();
  CHECK(budget->share() == 1200);
  auto second = budget->open();
  auto third = budget->open();
  CHECK(budget->share() == 400);
  third->close();
  third->close();
  CHECK(budget->share() == 600);
  second.reset();
  CHECK(budget->share() == 1200);
}

TEST_CASE("I8: an account that holds its share has no room, and the others keep theirs") {
  auto budget = make_budget(1000);
  auto stalled = budget->open();
  auto busy = budget->open();
  stalled->hold(500);
  CHECK_FALSE(stalled->has_room());
  CHECK(busy->has_room());
  CHECK(busy->room() == 500);
  stalled->give_back(1);
  CHECK(stalled->has_room());
  CHECK(stalled->room() == 1);
}

TEST_CASE("an empty account has room for a record larger than its share, and then none") {
  auto budget = make_budget(100);
  auto mine = budget->open();
  auto other = budget->open();
  CHECK(mine->has_room());
  mine->hold(5000);
  CHECK_FALSE(mine->has_room());
  CHECK(mine->room() < 0);
  CHECK(other->has_room());
  mine->give_back(5000);
  CHECK(mine->has_room());
}

TEST_CASE("what a closed account holds counts until it is given back") {
  auto budget = make_budget(100);
  auto mine = budget->open();
  mine->hold(70);
  mine->close();
  CHECK(budget->held() == 70);
  mine->give_back(70);
  CHECK(budget->held() == 0);
  CHECK(budget->held_max() == 70);
}

TEST_CASE("the accounts' sums are the budget's at any time") {
  auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random{seed};
  auto budget = make_budget(10'000);
  std::vector<std::shared_ptr<core::byte_budget::account>> accounts;
  for (int i = 0; i < 7; ++i)
    accounts.push_back(budget->open());
  int64_t max = 0;
  for (int i = 0; i < 10'000; ++i) {
    auto& one = *accounts[random() % accounts.size()];
    if (random() % 2 == 0)
      one.hold(static_cast<int64_t>(random() % 500));
    else
      one.give_back(std::min<int64_t>(one.held(), static_cast<int64_t>(random() % 500)));
    int64_t sum = 0;
    for (auto& each : accounts)
      sum += each->held();
    max = std::max(max, sum);
    REQUIRE(budget->held() == sum);
    REQUIRE(budget->held_max() == max);
  }
}
