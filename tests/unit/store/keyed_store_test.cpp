// What the ready-made stores have in common, by the hash map.
#include "tests/unit/store/store_check.hpp"

#include <keyloom/codec/json.hpp>
#include <keyloom/store/hash_map_store.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;

namespace {

struct plane {
  std::string maker;
  int seats = 0;
  bool operator==(const plane&) const = default;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(plane, maker, seats)

using fleet = hash_map_store<std::string, plane, text, json<plane>>;
using counts = hash_map_store<std::string, int64_t>;

std::vector<uint64_t> hashes(std::initializer_list<std::string_view> keys) {
  std::vector<uint64_t> result;
  for (auto key : keys)
    result.push_back(hash_of_store_key(key));
  return result;
}

} // namespace

TEST_CASE("a change happens when it is applied, and not before") {
  counts store;
  auto change = store.set("a", 1);
  CHECK(store.find("a") == nullptr);
  store.apply(change);
  CHECK(*store.find("a") == 1);
  store.apply(store.set("a", 2));
  CHECK(*store.find("a") == 2);
  store.apply(store.erase("a"));
  CHECK(!store.contains("a"));
  store.apply(store.erase("a"));
  CHECK(store.size() == 0);
}

TEST_CASE("entries of the change log set and delete keys") {
  fleet store;
  CHECK(!store.apply(change{"N1", R"({"maker":"Boeing","seats":149})"}));
  CHECK(*store.find("N1") == plane{"Boeing", 149});
  CHECK(!store.apply(change{"N1", std::nullopt}));
  CHECK(store.find("N1") == nullptr);
}

TEST_CASE("an entry that the codec cannot read is an error, and changes nothing") {
  fleet store;
  store.apply(store.set("N1", {"Boeing", 149}));
  auto before = store.digest();
  CHECK(store.apply(change{"N1", "{"}) == errc::decode_failed);
  CHECK(store.digest() == before);
  hash_map_store<int32_t, std::string> by_number;
  CHECK(by_number.apply(change{"one", "1"}) == errc::decode_failed);
}

TEST_CASE("a change is encoded by the store's codecs") {
  fleet store;
  auto bytes = store.encode(store.set("N1", {"Boeing", 149}));
  CHECK(bytes.key == "N1");
  CHECK(bytes.value == R"({"maker":"Boeing","seats":149})");
  CHECK(!store.encode(store.erase("N1")).value);
  hash_map_store<int32_t, std::vector<std::byte>, java_integer<int32_t>> other;
  CHECK(other.encode(other.set(1, {std::byte{7}})).key == std::string{"\0\0\0\1", 4});
  CHECK(other.encode(other.set(1, {std::byte{7}})).value == "\7");
}

TEST_CASE(
  "a turn that failed is undone: new keys, changed ones, deleted ones, each once or often") {
  counts store;
  store.apply(store.set("changed", 1));
  store.apply(store.set("deleted", 2));
  auto before = store.digest();
  store.begin_turn();
  store.apply(store.set("new", 3));
  store.apply(store.set("changed", 4));
  store.apply(store.set("changed", 5));
  store.apply(store.erase("deleted"));
  store.apply(store.set("deleted", 6));
  store.apply(store.erase("new"));
  store.apply(store.erase("never there"));
  CHECK(store.digest() != before);
  store.undo_turn();
  store.end_turn();
  CHECK(store.digest() == before);
  CHECK(*store.find("changed") == 1);
  CHECK(*store.find("deleted") == 2);
  CHECK(store.size() == 2);
}

TEST_CASE("a turn that ended well is not undone by the next") {
  counts store;
  store.begin_turn();
  store.apply(store.set("a", 1));
  store.end_turn();
  store.begin_turn();
  store.apply(store.set("b", 1));
  store.undo_turn();
  CHECK(store.contains("a"));
  CHECK(!store.contains("b"));
}

TEST_CASE("a turn's reads are noted, of keys that are not there, too") {
  counts store;
  store.find("before the turn");
  store.begin_turn();
  store.find("a");
  store.find("a");
  store.contains("b");
  CHECK(store.reads().keys == hashes({"a", "b"}));
  CHECK(!store.reads().all);
  store.begin_turn();
  CHECK(store.reads().keys.empty());
}

TEST_CASE("a read is noted under the key that the change log has") {
  hash_map_store<int32_t, std::string, java_integer<int32_t>> store;
  store.begin_turn();
  store.find(1);
  CHECK(store.reads().keys == hashes({{"\0\0\0\1", 4}}));
}

TEST_CASE("who visits all entries, or asks how many there are, has read all keys") {
  counts store;
  store.begin_turn();
  store.for_each([](auto&, auto&) {});
  CHECK(store.reads().all);
  store.begin_turn();
  CHECK(!store.reads().all);
  store.size();
  CHECK(store.reads().all);
  store.end_turn();
  store.size();
  CHECK(!store.reads().all);
}

TEST_CASE("a digest does not depend on the order of changes, and tells contents apart") {
  counts one, other;
  one.apply(one.set("a", 1));
  one.apply(one.set("b", 2));
  other.apply(other.set("b", 2));
  other.apply(other.set("a", 7));
  CHECK(one.digest() != other.digest());
  other.apply(other.set("a", 1));
  CHECK(one.digest() == other.digest());
  other.apply(other.set("c", 1));
  CHECK(one.digest() != other.digest());
  CHECK(counts{}.digest() == 0);
  CHECK(digest_of("ab", "c") != digest_of("a", "bc"));
  CHECK(digest_of("a", "b") == 0x1264949a088726fdU); // the same everywhere
}

TEST_CASE("a restore begins with an empty store") {
  counts store;
  store.apply(store.set("a", 1));
  store.begin_restore();
  CHECK(store.size() == 0);
}

TEST_CASE("a hash map store holds what a map does, whatever turns do and fail") {
  auto problem = test::random_stores<hash_map_store<int32_t, int64_t>>(
    [](auto& store, auto& model) -> std::string {
      for (auto key = 0; key < 40; ++key) {
        auto* found = store.find(key);
        if ((found != nullptr) != (model.count(key) != 0))
          return "another answer for " + std::to_string(key);
      }
      return store.size() == model.size() ? "" : "another size";
    });
  CHECK(problem == "");
}
