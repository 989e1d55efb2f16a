#include "tests/unit/store/store_check.hpp"

#include <keyloom/store/ordered_map_store.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;

namespace {

using names = std::vector<std::string>;

ordered_map_store<std::string, std::string> sample() {
  ordered_map_store<std::string, std::string> store;
  for (auto* key : {"b", "ab", "aa", "abc", "c", "\xff\xff"})
    store.apply(store.set(key, "of " + std::string{key}));
  return store;
}

/// Gathers keys.
auto into(names& list) {
  return [&list](auto& key, auto&) { list.push_back(key); };
}

} // namespace

TEST_CASE("entries are visited in the order of their keys") {
  names seen;
  sample().for_each(into(seen));
  CHECK(seen == names{"aa", "ab", "abc", "b", "c", "\xff\xff"});
}

TEST_CASE("a range has its first key and not its last") {
  auto store = sample();
  names seen;
  store.for_each_between("ab", "b", into(seen));
  CHECK(seen == names{"ab", "abc"});
  seen.clear();
  store.for_each_between("b", "ab", into(seen));
  store.for_each_between("d", "e", into(seen));
  CHECK(seen.empty());
}

TEST_CASE("a prefix has the key that is the prefix, and may be of the highest bytes") {
  auto store = sample();
  names seen;
  store.for_each_with_prefix("ab", into(seen));
  CHECK(seen == names{"ab", "abc"});
  seen.clear();
  store.for_each_with_prefix("\xff", into(seen));
  CHECK(seen == names{"\xff\xff"});
  seen.clear();
  store.for_each_with_prefix("", into(seen));
  CHECK(seen.size() == 6);
}

TEST_CASE("a scan ends when its function returns false") {
  names seen;
  sample().for_each([&](auto& key, auto&) {
    seen.push_back(key);
    return seen.size() < 2;
  });
  CHECK(seen == names{"aa", "ab"});
}

TEST_CASE("neighbours of a key and both ends are found") {
  auto store = sample();
  CHECK(store.at_or_after("ab")->first == "ab");
  CHECK(store.at_or_after("abb")->first == "abc");
  CHECK(store.before("ab")->first == "aa");
  CHECK(store.before("aa") == nullptr);
  CHECK(store.at_or_after("\xff\xff\xff") == nullptr);
  CHECK(store.first()->second == "of aa");
  CHECK(store.last()->first == "\xff\xff");
  ordered_map_store<std::string, std::string> empty;
  CHECK(empty.first() == nullptr);
  CHECK(empty.last() == nullptr);
}

TEST_CASE("a look-up reads its key, and everything else all keys") {
  auto store = sample();
  using function = std::function<void()>;
  names seen;
  const function scans[] = {
    [&] { store.for_each(into(seen)); },
    [&] { store.for_each_between("a", "b", into(seen)); },
    [&] { store.for_each_with_prefix("a", into(seen)); },
    [&] { store.at_or_after("a"); },
    [&] { store.before("a"); },
    [&] { store.first(); },
    [&] { store.last(); },
    [&] { store.size(); },
  };
  for (auto& scan : scans) {
    store.begin_turn();
    scan();
    CHECK(store.reads().all);
  }
  store.begin_turn();
  CHECK(store.contains("ab"));
  CHECK(!store.reads().all);
  CHECK(store.reads().keys == std::vector{hash_of_store_key("ab")});
}

TEST_CASE("an ordered map store holds what a map does, whatever turns do and fail") {
  using store_type = ordered_map_store<int32_t, int64_t>;
  auto problem = test::random_stores<store_type>([](auto& store, auto& model) -> std::string {
    auto same = [&](const store_type::entry* got, auto expected) {
      return expected == model.end() ? got == nullptr : got != nullptr && *got == *expected;
    };
    for (auto key = -1; key < 41; ++key) {
      auto bound = model.lower_bound(key);
      if (!same(store.at_or_after(key), bound))
        return "another entry at or after " + std::to_string(key);
      if (!same(store.before(key), bound == model.begin() ? model.end() : std::prev(bound)))
        return "another entry before " + std::to_string(key);
    }
    std::vector<std::pair<const int32_t, int64_t>> scanned;
    store.for_each_between(5, 20,
                           [&](auto& key, auto& value) { scanned.emplace_back(key, value); });
    if (!std::equal(scanned.begin(), scanned.end(), model.lower_bound(5), model.lower_bound(20)))
      return "another range";
    return "";
  });
  CHECK(problem == "");
}
