#include "runtime/core/tracker.hpp"
#include "tests/fakes/batches.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using fakes::make_batch;

TEST_CASE("before the first record the position may be committed") {
  core::tracker events{42};
  CHECK(events.committable() == 42);
}

TEST_CASE("I1: the lowest offset not out may be committed, whatever got out behind it") {
  core::tracker events{0};
  auto& batch = events.open(make_batch({10, 11, 15}));
  CHECK(events.committable() == 10);
  events.out(batch, 2);
  events.out(batch, 1);
  CHECK(events.committable() == 10);
  CHECK(events.in_flight() == 1);
  events.out(batch, 0);
  CHECK(events.committable() == 16);
  CHECK(events.in_flight() == 0);
}

TEST_CASE("I1: over a hole the next record's offset may be committed, not the hole's") {
  core::tracker events{0};
  auto& batch = events.open(make_batch({10, 15}));
  events.out(batch, 0);
  CHECK(events.committable() == 15);
}

TEST_CASE("when everything is out the consumer's position may be committed") {
  core::tracker events{0};
  auto& batch = events.open(make_batch({10}, 14));
  events.out(batch, 0);
  CHECK(events.committable() == 14);
}

TEST_CASE("a batch without records moves the position only behind records that are out") {
  core::tracker events{0};
  auto& first = events.open(make_batch({10}));
  events.open(make_batch({}, 20));
  CHECK(events.committable() == 10);
  events.out(first, 0);
  CHECK(events.committable() == 20);
  events.open(make_batch({}, 25));
  CHECK(events.committable() == 25);
}

TEST_CASE("I1: a straggler holds the offset back over batches that melted together behind it") {
  core::tracker events{0};
  auto& straggler = events.open(make_batch({0, 1}));
  std::vector<core::tracker::open_batch*> later;
  for (int64_t i = 1; i <= 5; ++i)
    later.push_back(&events.open(make_batch({2 * i, 2 * i + 1})));
  events.out(straggler, 1);
  for (auto i : {1u, 3u, 2u, 0u}) {
    events.out(*later[i], 0);
    events.out(*later[i], 1);
  }
  CHECK(events.committable() == 0);
  CHECK(events.window() == 12);
  CHECK(events.in_flight() == 3);
  events.out(straggler, 0);
  CHECK(events.committable() == 10);
  CHECK(events.window() == 2);
  events.out(*later[4], 0);
  CHECK(events.committable() == 11);
  events.out(*later[4], 1);
  CHECK(events.committable() == 12);
  CHECK(events.window() == 0);
}

TEST_CASE("a batch whose records are all out gives its memory back while a straggler is not") {
  core::tracker events{0};
  events.open(make_batch({0}));
  auto records = make_batch({1, 2});
  auto& batch = events.open(records);
  CHECK(records->get_reference_count() == 2);
  events.out(batch, 0);
  CHECK(records->get_reference_count() == 2);
  events.out(batch, 1);
  CHECK(records->get_reference_count() == 1);
}

TEST_CASE("sequences have no gaps where offsets have") {
  core::tracker events{0};
  CHECK(events.open(make_batch({3, 9})).first_sequence == 0);
  events.open(make_batch({}, 30));
  CHECK(events.open(make_batch({40})).first_sequence == 2);
  CHECK(events.next_sequence() == 3);
}
