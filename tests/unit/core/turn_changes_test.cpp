#include "runtime/core/turn_changes.hpp"

#include "tests/fakes/seeds.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace keyloom;
using core::turn_changes;

namespace {

/// Entries as text: key=value, or key- when it was deleted.
std::vector<std::string> shown(std::span<const change> entries) {
  std::vector<std::string> result;
  for (auto& each : entries)
    result.push_back(std::string{each.key}
                     + (each.value ? "=" + std::string{*each.value} : std::string{"-"}));
  return result;
}

using texts = std::vector<std::string>;

} // namespace

TEST_CASE("headers come out of a block as they went in") {
  std::vector<header> headers{{"a", "1"}, {"b", std::nullopt}, {"", ""}};
  auto encoded = encode_headers(headers);
  auto decoded = decode_headers({encoded.data(), static_cast<uint32_t>(encoded.size())});
  REQUIRE(decoded.size() == headers.size());
  for (size_t i = 0; i < headers.size(); ++i) {
    CHECK(decoded[i].name == headers[i].name);
    CHECK(decoded[i].value == headers[i].value);
  }
}

TEST_CASE("a recorded change is a copy of its key, value, type and headers") {
  turn_changes changes;
  {
    std::string key = "k", value = "v", type = "t";
    header headers[] = {{"a", "1"}, {"b", std::nullopt}};
    auto encoded = encode_headers(headers);
    changes.add({key, value, type, {encoded.data(), static_cast<uint32_t>(encoded.size())}});
    changes.add({"", std::nullopt});
    changes.add({"e", ""});
    key = value = type = encoded = "overwritten";
  }
  REQUIRE(changes.size() == 3);
  auto first = changes[0].what;
  CHECK(first.key == "k");
  CHECK(first.value == "v");
  CHECK(first.type == "t");
  CHECK(first.headers.find("a") == "1");
  auto headers = first.headers;
  headers.take();
  CHECK(headers.take()->value == std::nullopt);
  CHECK(headers.empty());
  CHECK(changes[1].what.key.empty());
  CHECK(changes[1].what.value == std::nullopt);
  CHECK(changes[2].what.value == "");
  CHECK(changes[2].what.headers.empty());
  CHECK(changes[2].key_hash == hash_of_store_key("e"));
  changes.clear();
  CHECK(changes.empty());
}

TEST_CASE("entries leave in the order of turns") {
  turn_changes first, second;
  first.add({"a", "1"});
  first.add({"b", "1"});
  second.add({"a", "2"});
  turn_changes* turns[] = {&first, &second};
  core::entry_chooser chooser;
  CHECK(shown(chooser.choose(turns, false)) == texts{"a=1", "b=1", "a=2"});
}

TEST_CASE("coalescing keeps the last entry of a key, a deletion too, at its place") {
  turn_changes first, second;
  first.add({"a", "1"});
  first.add({"b", "1"});
  first.add({"c", "1"});
  second.add({"a", "2"});
  second.add({"c", std::nullopt});
  turn_changes* turns[] = {&first, &second};
  core::entry_chooser chooser;
  CHECK(shown(chooser.choose(turns, true)) == texts{"b=1", "a=2", "c-"});
  CHECK(shown(chooser.choose(turns, true)) == texts{"b=1", "a=2", "c-"}); // nothing is remembered
  CHECK(chooser.choose({}, true).empty());
}

TEST_CASE("coalesced entries make the same store as all of them") {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    std::mt19937_64 random{seed};
    core::entry_chooser chooser;
    for (auto round = 0; round < 100; ++round) {
      std::vector<turn_changes> turns(1 + random() % 20);
      std::vector<turn_changes*> order;
      for (auto& turn : turns) {
        for (auto count = random() % 5; count > 0; --count) {
          auto key = std::to_string(random() % 20);
          auto value = std::to_string(random());
          if (random() % 4 == 0)
            turn.add({key, std::nullopt});
          else
            turn.add({key, value});
        }
        order.push_back(&turn);
      }
      auto store_of = [&](bool last_only) {
        std::map<std::string, std::string> result;
        for (auto& each : chooser.choose(order, last_only))
          result[std::string{each.key}] = each.value ? std::string{*each.value} : "-";
        return result;
      };
      auto all = store_of(false);
      REQUIRE(store_of(true) == all);
      REQUIRE(chooser.choose(order, true).size() == all.size());
    }
  }
}
