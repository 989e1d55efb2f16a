#include "tests/unit/store/store_check.hpp"

#include <keyloom/store/min_max_heap_store.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace keyloom;

TEST_CASE("both ends of a queue follow what is set and erased") {
  min_max_heap_store<std::string, int64_t> queue;
  CHECK(!queue.min());
  CHECK(!queue.max());
  queue.apply(queue.set("b", 5));
  CHECK(queue.min()->key == "b");
  CHECK(queue.max()->key == "b");
  queue.apply(queue.set("a", 7));
  queue.apply(queue.set("c", 1));
  CHECK(queue.min()->key == "c");
  CHECK(queue.max()->value == 7);
  queue.apply(queue.set("c", 9));
  CHECK(queue.min()->key == "b");
  CHECK(queue.max()->key == "c");
  queue.apply(queue.erase("c"));
  CHECK(queue.max()->key == "a");
  CHECK(*queue.find("b") == 5);
  CHECK(queue.find("c") == nullptr);
}

TEST_CASE("among equal values keys decide, whatever order they came in") {
  min_max_heap_store<std::string, int64_t> queue;
  for (auto* key : {"b", "c", "a"})
    queue.apply(queue.set(key, 1));
  CHECK(queue.min()->key == "a");
  CHECK(queue.max()->key == "c");
}

TEST_CASE("an end reads all keys, a look-up its own") {
  min_max_heap_store<std::string, int64_t> queue;
  queue.begin_turn();
  queue.find("a");
  CHECK(!queue.reads().all);
  queue.min();
  CHECK(queue.reads().all);
  queue.begin_turn();
  queue.max();
  CHECK(queue.reads().all);
}

TEST_CASE("a queue has the ends that a set has, whatever turns do and fail") {
  auto problem = test::random_stores<min_max_heap_store<int32_t, int64_t>>(
    [](auto& queue, auto& model) -> std::string {
      std::set<std::pair<int64_t, int32_t>> ordered;
      for (auto& [key, value] : model)
        ordered.emplace(value, key);
      if (ordered.empty())
        return queue.min() || queue.max() ? "an end of an empty queue" : "";
      auto is = [](auto end, auto& expected) {
        return end && end->value == expected.first && end->key == expected.second;
      };
      if (!is(queue.min(), *ordered.begin()))
        return "another minimum";
      return is(queue.max(), *ordered.rbegin()) ? "" : "another maximum";
    });
  CHECK(problem == "");
}

TEST_CASE("a queue that is emptied from both ends gives all its values in order") {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    std::mt19937_64 random{seed};
    min_max_heap_store<int32_t, int64_t> queue;
    std::multiset<int64_t> model;
    for (auto key = 0; key < 500; ++key) {
      auto value = static_cast<int64_t>(random() % 200);
      queue.apply(queue.set(key, value));
      model.insert(value);
    }
    while (!model.empty()) {
      auto from_min = random() % 2 == 0;
      auto expected = from_min ? model.begin() : std::prev(model.end());
      auto end = from_min ? queue.min() : queue.max();
      REQUIRE(end->value == *expected);
      model.erase(expected);
      queue.apply(queue.erase(end->key));
    }
    CHECK(queue.size() == 0);
  }
}
