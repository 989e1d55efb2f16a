#include "runtime/core/last_events.hpp"

#include "runtime/core/dependency_graph.hpp"
#include "runtime/core/event.hpp"
#include "tests/fakes/seeds.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace keyloom;

TEST_CASE("the last event of a key is found until it has left") {
  core::event owner;
  core::dependency_graph graph;
  core::last_events last;
  auto& first = graph.make(1, owner);
  auto& second = graph.make(2, owner);
  CHECK(!last.find(7).alive());
  CHECK(!last.put(7, first).alive());
  CHECK(last.find(7).at == &first);
  CHECK(last.put(7, second).at == &first);
  CHECK(last.find(7).at == &second);
  CHECK(!last.find(8).alive());
  graph.complete(second);
  graph.leave(second);
  CHECK(!last.find(7).alive());
}

TEST_CASE("events that have left take no room for long, whatever their keys") {
  core::event owner;
  core::dependency_graph graph;
  core::last_events last;
  auto& straggler = graph.make(1, owner);
  last.put(42, straggler);
  for (uint64_t i = 0; i < 100'000; ++i) {
    auto& ev = graph.make(2 + i, owner);
    last.put(i << 40, ev); // hashes may differ in their upper bits only
    graph.complete(ev);
    graph.loose().clear();
    graph.leave(ev);
  }
  CHECK(last.capacity() <= 256);
  CHECK(last.find(42).at == &straggler);
}

TEST_CASE("a table of last events says what a map would") {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    std::mt19937_64 random{seed};
    core::event owner;
    core::dependency_graph graph;
    core::last_events last;
    std::map<uint64_t, core::held_ref> model;
    std::vector<core::held_event*> held;
    for (uint64_t step = 1; step <= 5'000; ++step) {
      auto key = random() % 300;
      auto& ev = graph.make(step, owner);
      held.push_back(&ev);
      last.put(key, ev);
      model[key] = ev.ref();
      while (held.size() > random() % 200) {
        std::swap(held[random() % held.size()], held.back());
        graph.leave(*held.back());
        held.pop_back();
      }
      auto other = random() % 300;
      auto expected = model[other];
      auto found = last.find(other);
      REQUIRE(found.alive() == expected.alive());
      if (expected.alive())
        REQUIRE(found.at == expected.at);
    }
  }
}
