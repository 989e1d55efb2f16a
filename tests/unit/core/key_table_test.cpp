#include "runtime/core/key_table.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <random>
#include <string>
#include <unordered_map>

namespace {

struct entry {
  std::string key;
  uint64_t hash = 0;
};

} // namespace

TEST_CASE("an entry is found by its key until it is erased") {
  keyloom::core::key_table<entry> table;
  entry a{"a", 7};
  CHECK(table.find("a", 7) == nullptr);
  table.insert(a);
  CHECK(table.find("a", 7) == &a);
  CHECK(table.find("b", 7) == nullptr);
  CHECK(table.size() == 1);
  table.erase(a);
  CHECK(table.find("a", 7) == nullptr);
  CHECK(table.empty());
}

TEST_CASE("keys whose hashes are the same are told apart") {
  keyloom::core::key_table<entry> table;
  entry a{"a", 7};
  entry b{"b", 7};
  entry c{"c", 7};
  for (auto* each : {&a, &b, &c})
    table.insert(*each);
  table.erase(a);
  CHECK(table.find("b", 7) == &b);
  CHECK(table.find("c", 7) == &c);
}

TEST_CASE("a gap that wraps around the end of the table is closed") {
  keyloom::core::key_table<entry> table; // 64 slots at first
  entry last{"last", 63};
  entry wrapped{"wrapped", 63};
  entry home{"home", 0};
  for (auto* each : {&last, &wrapped, &home})
    table.insert(*each);
  table.erase(last);
  CHECK(table.find("wrapped", 63) == &wrapped);
  CHECK(table.find("home", 0) == &home);
  table.erase(wrapped);
  CHECK(table.find("home", 0) == &home);
}

TEST_CASE("random insertions and erasures agree with std::unordered_map") {
  auto seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  INFO("seed " << seed);
  std::mt19937 random{seed};
  keyloom::core::key_table<entry> table;
  std::deque<entry> storage;
  std::unordered_map<std::string, entry*> model;
  size_t wrong = 0;
  for (int step = 0; step < 5000; ++step) {
    auto key = std::to_string(random() % 150);
    auto hash = std::hash<std::string>{}(key) % 40; // many collisions
    auto it = model.find(key);
    auto* found = table.find(key, hash);
    wrong += found != (it == model.end() ? nullptr : it->second);
    if (found != nullptr) {
      table.erase(*found);
      model.erase(key);
    } else {
      auto& fresh = storage.emplace_back(entry{key, hash});
      table.insert(fresh);
      model[key] = &fresh;
    }
    wrong += table.size() != model.size();
  }
  CHECK(wrong == 0);
}
