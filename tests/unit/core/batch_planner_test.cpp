#include "runtime/core/batch_planner.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/core/batch_model.hpp"

using namespace keyloom;
using namespace std::chrono_literals;
using keyloom::test::model_set;
using strings = std::vector<std::string>;

namespace {

/// A planner, and sets of items that are called by their key and a number: "a1".
struct planner_rig {
  core::batch_planner planner;
  core::steady_time now{1h};
  std::deque<model_set> sets;
  std::map<const detail::batch_entry*, std::string> names;
  std::map<std::string, int> counts;
  int owner = 0;

  explicit planner_rig(const core::batch_planner::settings& how) : planner(how) {}

  static uint64_t hash_of(std::string_view key) { return std::hash<std::string_view>{}(key); }

  /// Adds a set with an item for each of these keys; its own is the first.
  model_set& add(const std::vector<std::string_view>& keys, uint64_t bytes = 1) {
    auto& set = sets.emplace_back();
    set.owner = &owner;
    set.key = keys.front();
    set.key_hash = hash_of(set.key);
    set.items.resize(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      auto& item = set.items[i];
      item.key = keys[i];
      item.key_hash = hash_of(keys[i]);
      item.bytes = bytes;
      names[&item] = std::string{keys[i]} + std::to_string(++counts[std::string{keys[i]}]);
    }
    planner.add(set, now);
    return set;
  }

  model_set& add_empty(std::string_view key) {
    auto& set = sets.emplace_back();
    set.owner = &owner;
    set.key = key;
    set.key_hash = hash_of(key);
    planner.add(set, now);
    return set;
  }

  strings names_of(const core::batch* which) {
    strings result;
    if (which != nullptr)
      for (auto* each : which->items)
        result.push_back(names.at(each));
    return result;
  }

  /// The positions of the sets that came back.
  std::vector<size_t> ended() {
    std::vector<size_t> result;
    for (auto* each : planner.take_ended())
      for (size_t i = 0; i < sets.size(); ++i)
        if (&sets[i] == each)
          result.push_back(i);
    return result;
  }
};

} // namespace

TEST_CASE("a full batch leaves at once, a partial one after the delay") {
  planner_rig rig{{.max_items = 2, .max_batches = 9, .delay = 10ms}};
  rig.add({"a"});
  CHECK(rig.planner.next(rig.now) == nullptr);
  rig.add({"b"});
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"a1", "b1"});
  rig.add({"c"});
  CHECK(rig.planner.next_deadline() == rig.now + 10ms);
  CHECK(rig.planner.next(rig.now + 9ms) == nullptr);
  CHECK(rig.names_of(rig.planner.next(rig.now + 10ms)) == strings{"c1"});
}

TEST_CASE("I11: a key is in one batch at a time, and several events of it share one") {
  planner_rig rig{{.max_items = 3, .max_batches = 9}};
  rig.add({"a"});
  auto* first = rig.planner.next(rig.now);
  rig.add({"a"});
  rig.add({"a"});
  CHECK(rig.planner.next(rig.now) == nullptr);
  rig.planner.executed(*first, rig.now);
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"a2", "a3"});
}

TEST_CASE("items beyond the maximum follow in later batches, in the order added") {
  planner_rig rig{{.max_items = 2, .max_batches = 9}};
  rig.add({"a", "a", "a", "a", "a"});
  std::vector<strings> batches;
  for (auto* each = rig.planner.next(rig.now); each != nullptr; each = rig.planner.next(rig.now)) {
    batches.push_back(rig.names_of(each));
    CHECK(rig.planner.next(rig.now) == nullptr);
    CHECK(rig.ended().empty());
    rig.planner.executed(*each, rig.now);
  }
  CHECK(batches == std::vector<strings>{{"a1", "a2"}, {"a3", "a4"}, {"a5"}});
  CHECK(rig.ended() == std::vector<size_t>{0});
}

TEST_CASE("no more batches are under way than allowed") {
  planner_rig rig{{.max_items = 1, .max_batches = 2}};
  rig.add({"a", "b", "c"});
  auto* first = rig.planner.next(rig.now);
  CHECK(rig.planner.next(rig.now) != nullptr);
  CHECK(rig.planner.next(rig.now) == nullptr);
  CHECK(!rig.planner.next_deadline());
  rig.planner.executed(*first, rig.now);
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"c1"});
}

TEST_CASE("a batch is full when the next item would be beyond the bytes; a larger item goes "
          "alone") {
  planner_rig rig{{.max_items = 9, .max_batches = 9, .max_bytes = 10, .delay = 1h}};
  rig.add({"a", "b", "c"}, 4);
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"a1", "b1"});
  CHECK(rig.planner.next(rig.now) == nullptr);
  rig.add({"d"}, 11);
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"c1"});
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"d1"});
}

TEST_CASE("a set without items waits until all before it in its key are over, and for no other "
          "key") {
  planner_rig rig{{.max_items = 1, .max_batches = 9}};
  rig.add_empty("a");
  CHECK(rig.ended() == std::vector<size_t>{0});
  rig.add({"a"});
  rig.add({"a"});
  rig.add_empty("a");
  rig.add_empty("b");
  CHECK(rig.ended() == std::vector<size_t>{4});
  rig.planner.executed(*rig.planner.next(rig.now), rig.now);
  CHECK(rig.ended() == std::vector<size_t>{1});
  rig.planner.executed(*rig.planner.next(rig.now), rig.now);
  CHECK(rig.ended() == std::vector<size_t>{2, 3});
}

TEST_CASE("a set with items of several keys is over when the last of them is") {
  planner_rig rig{{.max_items = 1, .max_batches = 9}};
  rig.add({"a", "b"});
  auto* of_a = rig.planner.next(rig.now);
  auto* of_b = rig.planner.next(rig.now);
  rig.planner.executed(*of_b, rig.now);
  CHECK(rig.ended().empty());
  rig.planner.executed(*of_a, rig.now);
  CHECK(rig.ended() == std::vector<size_t>{0});
}

TEST_CASE("keys take turns: a hot key goes to the end of the line") {
  planner_rig rig{{.max_items = 2, .max_batches = 1}};
  rig.add({"hot", "hot", "hot", "hot"});
  rig.add({"b"});
  auto* first = rig.planner.next(rig.now);
  CHECK(rig.names_of(first) == strings{"hot1", "hot2"});
  rig.planner.executed(*first, rig.now);
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"b1", "hot3"});
}

TEST_CASE("items without a key are keys of their own") {
  planner_rig rig{{.max_items = 1, .max_batches = 9}};
  rig.add({std::string_view{}, std::string_view{}});
  CHECK(rig.planner.next(rig.now) != nullptr);
  CHECK(rig.planner.next(rig.now) != nullptr);
}

TEST_CASE("what waits of an owner that drains leaves without delay, also what is added later") {
  planner_rig rig{{.max_items = 9, .max_batches = 9, .delay = 1h}};
  rig.add({"a"});
  rig.planner.hurry(&rig.owner);
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"a1"});
  rig.add({"b"});
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"b1"});
}

TEST_CASE("I6: what waits of an owner that is dropped never begins; others go on, what runs comes "
          "back") {
  planner_rig rig{{.max_items = 2, .max_batches = 9, .delay = 1h}};
  auto other = 0;
  rig.add({"a", "a", "a"});
  auto* running = rig.planner.next(rig.now);
  auto& mine = rig.add({"b"});
  mine.owner = &other;
  rig.add({"c"});
  auto* second = rig.planner.next(rig.now);
  CHECK(rig.names_of(second) == strings{"b1", "c1"});
  rig.add({"d"}).owner = &other;
  rig.add({"d"});
  rig.planner.drop(&rig.owner, rig.now);
  CHECK(rig.ended() == std::vector<size_t>{4});
  rig.planner.executed(*running, rig.now);
  CHECK(rig.ended() == std::vector<size_t>{0});
  rig.planner.executed(*second, rig.now);
  CHECK(rig.ended() == std::vector<size_t>{1, 2});
  CHECK(rig.names_of(rig.planner.next(rig.now + 1h)) == strings{"d1"});
}

namespace {

/// Settings where an item that failed is executed again 10 ms later, so often.
core::batch_planner::settings tries_again(uint32_t times, uint32_t max_items) {
  return {.max_items = max_items,
          .max_batches = 9,
          .again = [times](detail::batch_entry& item,
                           core::steady_time now) -> std::optional<core::steady_time> {
            if (item.tried.made > times)
              return std::nullopt;
            return now + 10ms;
          }};
}

void fail(core::batch& which, size_t index) {
  which.items[index]->error = caf::make_error(errc::processor_failed);
}

} // namespace

TEST_CASE("I3: an item that failed is executed again when it is due, before its key's next ones; "
          "other keys go on") {
  planner_rig rig{tries_again(9, 1)};
  rig.add({"a"});
  rig.add({"a"});
  auto* first = rig.planner.next(rig.now);
  fail(*first, 0);
  rig.planner.executed(*first, rig.now);
  CHECK(rig.planner.parked() == 1);
  CHECK(rig.planner.next(rig.now) == nullptr);
  rig.add({"b"});
  CHECK(rig.names_of(rig.planner.next(rig.now)) == strings{"b1"});
  CHECK(rig.planner.next_deadline() == rig.now + 10ms);
  auto* again = rig.planner.next(rig.now + 10ms);
  CHECK(rig.names_of(again) == strings{"a1"});
  CHECK(!again->items[0]->error);
  rig.planner.executed(*again, rig.now + 10ms);
  CHECK(rig.ended() == std::vector<size_t>{0});
  CHECK(rig.planner.retries() == 1);
  CHECK(rig.names_of(rig.planner.next(rig.now + 10ms)) == strings{"a2"});
}

TEST_CASE("what was executed behind an item that is executed again is not executed twice, and its "
          "set comes back behind it") {
  planner_rig rig{tries_again(9, 3)};
  rig.add({"a", "a"});
  rig.add({"a"});
  auto* first = rig.planner.next(rig.now);
  CHECK(rig.names_of(first) == strings{"a1", "a2", "a3"});
  fail(*first, 1);
  rig.planner.executed(*first, rig.now);
  CHECK(rig.ended().empty());
  auto* again = rig.planner.next(rig.now + 10ms);
  CHECK(rig.names_of(again) == strings{"a2"});
  rig.planner.executed(*again, rig.now + 10ms);
  CHECK(rig.ended() == std::vector<size_t>{0, 1});
}

TEST_CASE("an item that fails once too often keeps its error") {
  planner_rig rig{tries_again(1, 1)};
  auto& set = rig.add({"a"});
  auto* first = rig.planner.next(rig.now);
  fail(*first, 0);
  rig.planner.executed(*first, rig.now);
  auto* again = rig.planner.next(rig.now + 10ms);
  fail(*again, 0);
  rig.planner.executed(*again, rig.now + 10ms);
  CHECK(rig.ended() == std::vector<size_t>{0});
  CHECK(set.items[0].error == errc::processor_failed);
  CHECK(set.items[0].tried.made == 2);
}

TEST_CASE("of an owner that drains nothing is executed again: its sets stand, until it is dropped; "
          "others of the key go on then") {
  planner_rig rig{tries_again(9, 2)};
  auto other = 0;
  rig.add({"a", "b"});
  auto* first = rig.planner.next(rig.now);
  rig.add({"a"});
  rig.sets.back().owner = &other;
  rig.planner.hurry(&rig.owner);
  fail(*first, 0);
  rig.planner.executed(*first, rig.now);
  CHECK(rig.planner.standing(&rig.owner) == 1);
  CHECK(!rig.planner.next_deadline());
  CHECK(rig.planner.next(rig.now + 1h) == nullptr);
  rig.planner.drop(&rig.owner, rig.now + 1h);
  CHECK(rig.planner.standing(&rig.owner) == 0);
  CHECK(rig.ended() == std::vector<size_t>{0});
  CHECK(rig.names_of(rig.planner.next(rig.now + 1h)) == strings{"a2"});
}
