#include <keyloom/preset.hpp>
#include <keyloom/source_config.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <thread>

using namespace keyloom;

TEST_CASE("a preset's concurrency grows with the cores, and is at least one") {
  auto cores = std::max(1u, std::thread::hardware_concurrency());
  CHECK(standard.limits().concurrency == cores);
  CHECK(wide_network.limits().concurrency == 32 * cores);
  CHECK(slow_network.limits().waiting_per_worker == 100);
  CHECK(slow_network.limits().concurrent_keys == 10000);
  CHECK(preset{"none", 0, 1, 1}.limits().concurrency == 1);
}

TEST_CASE("every preset is found by its name, and no other") {
  for (auto& each : {standard, compute_bound, fast_network, slow_network, wide_network}) {
    auto found = find_preset(each.name);
    REQUIRE(found);
    CHECK(found->per_core == each.per_core);
    CHECK(found->name == each.name);
  }
  CHECK_FALSE(find_preset("fast"));
  CHECK_FALSE(find_preset(""));
}

TEST_CASE("every state of a partition has a name") {
  CHECK(to_string(lifecycle::unassigned) == "unassigned");
  CHECK(to_string(lifecycle::active) == "active");
  CHECK(to_string(lifecycle::draining) == "draining");
  CHECK(to_string(lifecycle::stopped) == "stopped");
}
