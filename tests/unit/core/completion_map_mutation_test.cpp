// A million damaged maps: half of them as text, which the seal must notice, half of them as bytes
// that are sealed again, which only the decoder itself can refuse. Under the sanitizers.
#include "runtime/core/completion_map.hpp"
#include "runtime/core/sealed_text.hpp"
#include "tests/fakes/seeds.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace keyloom;
using namespace keyloom::core;

namespace {

constexpr std::string_view prefix = "keyloom:1:";
constexpr int mutations_per_map = 50;
constexpr int maps_per_seed = 1'000'000 / 4 / mutations_per_map;

completion_map random_map(std::mt19937_64& random, int64_t committed) {
  completion_map map;
  if (random() % 2 == 0)
    map.topic.emplace().fill(static_cast<uint8_t>(random()));
  auto offset = committed;
  auto longest = 1 + random() % (random() % 2 == 0 ? 3 : 1000);
  for (auto left = random() % 8; left > 0; --left) {
    auto begin = offset + 1 + static_cast<int64_t>(random() % longest);
    offset = begin + 1 + static_cast<int64_t>(random() % longest);
    map.out.push_back({begin, offset});
  }
  return map;
}

/// A few bytes changed, taken out, put in or cut off.
std::string mutated(std::mt19937_64& random, std::string bytes) {
  for (auto left = 1 + random() % 4; left > 0; --left) {
    auto at = bytes.empty() ? 0 : random() % bytes.size();
    switch (random() % 5) {
      case 0:
        bytes.insert(at, 1, static_cast<char>(random()));
        break;
      case 1:
        bytes.resize(at);
        break;
      case 2:
        bytes.erase(at, 1);
        break;
      default:
        if (!bytes.empty())
          bytes[at] = static_cast<char>(bytes[at] ^ (1U << random() % 8));
    }
  }
  return bytes;
}

bool is_valid(const completion_map& map, int64_t committed) {
  auto reach = committed - 1;
  for (auto& run : map.out) {
    if (run.begin <= reach || run.end <= run.begin)
      return false;
    reach = run.end;
  }
  return true;
}

/// Empty, or what is wrong with what the decoder made of it.
std::string fault(const std::string& metadata, int64_t committed) {
  auto result = decode(metadata, committed);
  if (result.kind != metadata_kind::map)
    return result.map == completion_map{} ? "" : "something is named all the same";
  if (!is_valid(result.map, committed))
    return "the runs are in disorder";
  return {};
}

} // namespace

TEST_CASE("I2: of a million damaged maps none breaks the decoder or names what was not written") {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    std::mt19937_64 random{seed};
    for (auto left = maps_per_seed; left > 0; --left) {
      auto committed = static_cast<int64_t>(random() % (random() % 2 == 0 ? 10 : 1ULL << 62));
      auto map = random_map(random, committed);
      auto metadata = encode(map, committed);
      if (metadata.empty())
        metadata = std::string{prefix} + seal("", committed);
      auto bytes = unseal(std::string_view{metadata}.substr(prefix.size()), committed);
      REQUIRE(bytes);
      for (auto times = mutations_per_map / 2; times > 0; --times) {
        auto damaged = mutated(random, metadata);
        auto wrong = fault(damaged, committed);
        if (damaged != metadata && decode(damaged, committed).kind == metadata_kind::map)
          wrong = "damage went unnoticed";
        if (wrong.empty())
          wrong = fault(std::string{prefix} + seal(mutated(random, *bytes), committed), committed);
        if (!wrong.empty())
          FAIL(wrong);
      }
    }
  }
}
