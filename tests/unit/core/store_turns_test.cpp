#include "runtime/core/store_turns.hpp"

#include <keyloom/store/hash_map_store.hpp>
#include <keyloom/store/ordered_map_store.hpp>

#include <catch2/catch.hpp>

#include <map>

using namespace keyloom;

namespace {

using counts = ordered_map_store<std::string, int64_t>;

/// A store and its turns.
template <class Store>
struct turn_rig {
  std::unique_ptr<Store> owned = std::make_unique<Store>();
  Store& store = *owned;
  detail::store_adapter<Store> port{std::move(owned)};
  core::store_turns turns{port};

  void record(auto what) { detail::record_change(store, turns, std::move(what)); }
};

std::vector<uint64_t> hashes(std::initializer_list<std::string_view> keys) {
  std::vector<uint64_t> result;
  for (auto key : keys)
    result.push_back(hash_of_store_key(key));
  return result;
}

std::vector<uint64_t> list(std::span<const uint64_t> keys) {
  return {keys.begin(), keys.end()};
}

struct own_store {
  std::map<std::string, std::string> entries;
  void apply(const change& what) {
    if (what.key == "refused")
      throw std::runtime_error("refused");
    entries[std::string{what.key}] = what.value.value_or("");
  }
};

} // namespace

TEST_CASE("a recorded change is applied, and kept as bytes of that moment") {
  turn_rig<counts> rig;
  rig.turns.begin();
  rig.record(rig.store.set("a", 1));
  rig.record(rig.store.set("a", 2));
  rig.record(rig.store.erase("b"));
  CHECK(*rig.store.find("a") == 2);
  CHECK(rig.turns.changed());
  auto done = rig.turns.end();
  REQUIRE(done.changes != nullptr);
  REQUIRE(done.changes->size() == 3);
  CHECK((*done.changes)[0].what.value == "1"); // finding 7: not what the store says later
  CHECK((*done.changes)[1].what.value == "2");
  CHECK((*done.changes)[2].what.value == std::nullopt);
  CHECK(list(done.writes) == hashes({"a", "a", "b"}));
}

TEST_CASE("a turn's reads are told with its writes") {
  turn_rig<counts> rig;
  rig.turns.begin();
  rig.store.find("a");
  rig.store.find("b");
  auto done = rig.turns.end();
  CHECK(list(done.reads) == hashes({"a", "b"}));
  CHECK(!done.scanned);
  CHECK(done.writes.empty());
  CHECK(done.changes == nullptr);
  rig.turns.begin();
  rig.store.first();
  done = rig.turns.end();
  CHECK(done.reads.empty());
  CHECK(done.scanned);
}

TEST_CASE("a turn that fails leaves nothing, and its reads can be told alone") {
  turn_rig<counts> rig;
  rig.turns.begin();
  rig.store.find("read");
  rig.record(rig.store.set("a", 1));
  CHECK(rig.turns.undo());
  CHECK(rig.store.find("a") == nullptr);
  CHECK(!rig.turns.changed());
  auto reads = rig.turns.reads_alone();
  CHECK(list(reads.reads).front() == hash_of_store_key("read"));
  CHECK(reads.writes.empty());
  CHECK(reads.changes == nullptr);
  rig.turns.begin();
  rig.record(rig.store.set("b", 1));
  auto done = rig.turns.end();
  CHECK(list(done.writes) == hashes({"b"}));
  CHECK(done.changes->size() == 1);
  CHECK(list(done.reads).empty());
}

TEST_CASE("changes that were sent are used again") {
  turn_rig<counts> rig;
  rig.turns.begin();
  rig.record(rig.store.set("a", 1));
  auto* first = rig.turns.end().changes;
  rig.turns.begin();
  rig.record(rig.store.set("a", 2));
  auto* second = rig.turns.end().changes;
  CHECK(first != second);
  rig.turns.recycle(*first);
  rig.turns.begin();
  rig.record(rig.store.set("a", 3));
  auto* third = rig.turns.end().changes;
  CHECK(third == first);
  CHECK(third->size() == 1);
}

TEST_CASE("a change has its type and headers in the log") {
  turn_rig<counts> rig;
  rig.turns.begin();
  header headers[] = {{"source", "test"}};
  detail::record_change(rig.store, rig.turns, rig.store.set("a", 1), "count", headers);
  auto done = rig.turns.end();
  auto entry = (*done.changes)[0].what;
  CHECK(entry.type == "count");
  CHECK(entry.headers.find("source") == "test");
}

TEST_CASE("a store of one's own gets the change as it is recorded, and cannot undo it") {
  turn_rig<own_store> rig;
  rig.turns.begin();
  CHECK(rig.turns.undo()); // nothing to undo
  rig.turns.begin();
  rig.turns.touch();
  rig.record(change{"a", "1"});
  CHECK(rig.store.entries.count("a") == 1);
  auto done = rig.turns.end();
  CHECK(done.touched);
  CHECK(done.reads.empty());
  CHECK((*done.changes)[0].what.value == "1");
  rig.turns.begin();
  rig.record(change{"b", "1"});
  CHECK(!rig.turns.undo());
}

TEST_CASE("a store that fails in a change may have done half of it") {
  turn_rig<own_store> rig;
  rig.turns.begin();
  CHECK_THROWS_WITH(rig.record(change{"refused", "1"}), "refused");
  CHECK(rig.turns.changed());
  CHECK(!rig.turns.undo());
}
