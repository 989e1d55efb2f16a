#include "runtime/core/output_arena.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using core::output_arena;
using core::packed_outputs;

namespace {

outgoing_record output(std::string value) {
  return {.topic = "out", .key = "k", .value = std::move(value)};
}

std::vector<outgoing_record> all(const packed_outputs& of) {
  std::vector<outgoing_record> result;
  of.for_each([&](auto& each) { result.push_back(each.unpack()); });
  return result;
}

void check_equal(const outgoing_record& a, const outgoing_record& b) {
  CHECK(a.topic == b.topic);
  CHECK(a.key == b.key);
  CHECK(a.value == b.value);
  CHECK(a.type == b.type);
  CHECK(a.partition == b.partition);
}

constexpr size_t chunk_bytes = 4 * 1024;

} // namespace

TEST_CASE("an output comes back as it was, and null is not empty", "[core][output_arena]") {
  output_arena arena;
  std::vector<outgoing_record> given{
    {.topic = "out", .key = "k", .value = "v", .type = "done", .partition = 3},
    {.topic = "out", .key = "", .value = ""},
    {.topic = "other"},
    {.topic = "out", .key = std::nullopt, .value = std::string("a\0b", 3), .type = "t"},
  };
  packed_outputs event;
  for (auto& rec : given)
    arena.pack(rec, event);
  auto back = all(event);
  REQUIRE(back.size() == given.size());
  for (size_t i = 0; i < given.size(); ++i)
    check_equal(back[i], given[i]);
  CHECK(event.first->next->key().data() != nullptr);
  CHECK(event.first->next->next->key().data() == nullptr);
  CHECK(event.first->topic == event.first->next->topic); // kept once
  arena.release(event);
  CHECK(event.empty());
}

TEST_CASE("what has headers or a timestamp is not taken", "[core][output_arena]") {
  CHECK(output_arena::takes(output("v")));
  CHECK_FALSE(output_arena::takes({.topic = "out", .headers = {{"name", "value"}}}));
  CHECK_FALSE(output_arena::takes({.topic = "out", .timestamp_ms = 5}));
}

TEST_CASE("memory is used again once its outputs were released", "[core][output_arena]") {
  output_arena arena;
  constexpr size_t open = 1000;
  std::vector<packed_outputs> events(open);
  for (size_t i = 0; i < open; ++i)
    arena.pack(output(std::string(100, 'x')), events[i]);
  auto filled = arena.bytes();
  for (size_t i = 0; i < 100 * open; ++i) {
    arena.release(events[i % open]);
    arena.pack(output(std::string(100, char('a' + i % 26))), events[i % open]);
    REQUIRE(events[i % open].first->value()[99] == char('a' + i % 26));
  }
  CHECK(arena.bytes() <= filled + chunk_bytes);
  for (auto& each : events)
    arena.release(each);
}

TEST_CASE("what nobody needs any more is given back", "[core][output_arena]") {
  output_arena arena;
  packed_outputs event;
  for (int i = 0; i < 10'000; ++i)
    arena.pack(output(std::string(100, 'x')), event);
  CHECK(arena.bytes() > 1'000'000);
  arena.release(event);
  CHECK(arena.bytes() <= 10 * chunk_bytes);
}

TEST_CASE("an output that stays keeps its own chunk only", "[core][output_arena]") {
  output_arena arena;
  packed_outputs straggler;
  arena.pack(output("late"), straggler);
  for (size_t i = 0; i < 10'000; ++i) {
    packed_outputs event;
    arena.pack(output(std::string(100, 'x')), event);
    arena.release(event);
  }
  CHECK(arena.bytes() <= 2 * chunk_bytes);
  CHECK(straggler.first->value() == "late");
  arena.release(straggler);
}

TEST_CASE("a large output has memory of its own, which goes with it", "[core][output_arena]") {
  output_arena arena;
  packed_outputs small;
  arena.pack(output("a"), small);
  auto before = arena.bytes();
  packed_outputs event;
  arena.pack(output(std::string(1'000'000, 'L')), event);
  arena.pack(output("behind it"), event);
  CHECK(arena.bytes() > before + 1'000'000);
  CHECK(event.first->value().size() == 1'000'000);
  CHECK(event.first->value().back() == 'L');
  CHECK(all(event)[1].value == "behind it");
  arena.release(event);
  CHECK(arena.bytes() == before);
  arena.release(small);
}

TEST_CASE("an arena frees what it has", "[core][output_arena]") { // the leak checker tells
  output_arena arena;
  for (int i = 0; i < 3; ++i) {
    packed_outputs event;
    for (int j = 0; j < 1000; ++j)
      arena.pack(output(std::string(100, 'x')), event);
    arena.release(event);
  }
}
