#include "runtime/core/tracker.hpp"
#include "tests/fakes/batches.hpp"
#include "tests/fakes/seeds.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

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

// -- what is out beyond the lowest offset that is not
// -----------------------------------------------

namespace {

using runs = std::vector<core::offset_run>;

runs beyond(core::tracker& events) {
  auto result = events.beyond();
  CHECK(events.has_beyond() == !result.empty());
  return result;
}

/// A tracker and what it should know: the records, those that are out, and an inherited map.
class life {
public:
  explicit life(std::mt19937_64& random) : random_(random) {
    int64_t offset = pick(5);
    for (auto left = pick(40); left > 0; --left) {
      offset += 1 + (pick(4) == 0 ? pick(4) : 0);
      known_[offset] = left > 20 && offset > 0 && pick(2) == 0; // out in an earlier life
    }
    end_ = offset + 1;
    events_.emplace(0, inherited());
  }

  void run() {
    for (auto left = 100; left > 0; --left) {
      if (pick(4) == 0)
        take();
      else if (!open_.empty())
        get_out();
      check();
    }
  }

private:
  int64_t pick(int64_t below) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(below));
  }

  /// As another owner would have named them.
  runs inherited() {
    runs result;
    auto open = false;
    for (auto& [offset, out] : known_) {
      if (out && open)
        result.back().end = offset + 1;
      else if (out)
        result.push_back({offset, offset + 1});
      open = out;
    }
    return result;
  }

  void take() {
    if (taken_ == end_)
      return;
    std::vector<fakes::test_record> records;
    auto from = known_.lower_bound(taken_);
    for (auto left = 1 + pick(8); left > 0 && from != known_.end(); --left, ++from)
      records.push_back({from->first});
    taken_ = records.empty() ? end_ : records.back().offset + 1;
    auto batch = make_batch(records, taken_);
    auto& home = events_->open(batch);
    if (events_->inherits())
      events_->skip_inherited(home, *batch);
    for (uint32_t i = 0; i < records.size(); ++i)
      if (!known_[records[i].offset])
        open_.push_back({&home, i, records[i].offset});
  }

  void get_out() {
    auto at = open_.begin() + pick(static_cast<int64_t>(open_.size()));
    known_[at->offset] = true;
    events_->out(*at->home, at->index);
    open_.erase(at);
  }

  void check() {
    auto committable = events_->committable();
    auto lowest = taken_;
    for (auto& each : open_)
      lowest = std::min(lowest, each.offset);
    REQUIRE(committable == lowest);
    auto named = beyond(*events_);
    int64_t before = committable - 1;
    for (auto& run : named) {
      REQUIRE(run.begin > before);
      before = run.end;
    }
    for (auto& [offset, out] : known_) {
      auto is_named = std::any_of(named.begin(), named.end(), [offset = offset](auto& run) {
        return run.begin <= offset && offset < run.end;
      });
      REQUIRE(is_named == (out && offset >= committable));
    }
  }

  struct open_event {
    core::tracker::open_batch* home;
    uint32_t index;
    int64_t offset;
  };

  std::mt19937_64& random_;
  std::map<int64_t, bool> known_; // records, and whether they are out
  int64_t end_ = 0;
  int64_t taken_ = 0;
  std::vector<open_event> open_;
  std::optional<core::tracker> events_;
};

} // namespace

TEST_CASE("nothing is beyond while nothing is out, or everything is") {
  core::tracker events{0};
  CHECK(beyond(events).empty());
  auto& batch = events.open(make_batch({0, 1, 2}));
  CHECK(beyond(events).empty());
  events.out(batch, 0);
  CHECK(events.committable() == 1);
  CHECK(beyond(events).empty());
  events.out(batch, 1);
  events.out(batch, 2);
  CHECK(events.committable() == 3);
  CHECK(beyond(events).empty());
}

TEST_CASE("I2: what is out beyond a straggler is named, and nothing else") {
  core::tracker events{0};
  auto& batch = events.open(make_batch({0, 1, 2, 3, 4}));
  events.out(batch, 1);
  events.out(batch, 3);
  CHECK(beyond(events) == runs{{1, 2}, {3, 4}});
  events.out(batch, 0);
  CHECK(beyond(events) == runs{{3, 4}});
}

TEST_CASE("offsets without records count as out between two that are, over batches, too") {
  core::tracker events{0};
  auto& first = events.open(make_batch({0, 5, 9}));
  events.open(make_batch({}, 15));
  auto& second = events.open(make_batch({20, 30}));
  events.out(first, 1);
  CHECK(beyond(events) == runs{{5, 6}});
  events.out(first, 2);
  CHECK(beyond(events) == runs{{5, 10}});
  events.out(second, 0);
  CHECK(beyond(events) == runs{{5, 21}});
  events.out(second, 1);
  CHECK(beyond(events) == runs{{5, 31}});
}

TEST_CASE("batches that melted behind a straggler are one run") {
  core::tracker events{0};
  events.open(make_batch({0}));
  std::vector<core::tracker::open_batch*> later;
  for (int64_t i = 1; i <= 5; ++i)
    later.push_back(&events.open(make_batch({2 * i, 2 * i + 1})));
  for (auto i : {1u, 3u, 2u})
    for (auto index : {0u, 1u})
      events.out(*later[i], index);
  CHECK(beyond(events) == runs{{4, 10}});
  events.out(*later[0], 1);
  CHECK(beyond(events) == runs{{3, 10}});
}

TEST_CASE("I12: records that an inherited map names are out when they come") {
  core::tracker events{10, {{11, 13}, {15, 16}}};
  CHECK(events.inherits());
  CHECK(beyond(events) == runs{{11, 13}, {15, 16}});
  auto batch = make_batch({10, 11, 12, 14, 15, 16});
  auto& home = events.open(batch);
  auto left = events.skip_inherited(home, *batch);
  REQUIRE(left.size() == 3);
  CHECK((left[0].begin == 0 && left[0].end == 1));
  CHECK((left[1].begin == 3 && left[1].end == 4));
  CHECK((left[2].begin == 5 && left[2].end == 6));
  CHECK(events.in_flight() == 3);
  CHECK_FALSE(events.inherits());
  CHECK(events.committable() == 10);
  CHECK(beyond(events) == runs{{11, 13}, {15, 16}});
  events.out(home, 0);
  CHECK(events.committable() == 14); // 13 was never a record
  CHECK(beyond(events) == runs{{15, 16}});
}

TEST_CASE("an inherited map is carried on until its records have come") {
  core::tracker events{10, {{11, 13}, {20, 30}}};
  auto batch = make_batch({10, 11, 12, 13});
  auto& home = events.open(batch);
  CHECK(events.skip_inherited(home, *batch).size() == 2);
  CHECK(beyond(events) == runs{{11, 13}, {20, 30}});
  events.out(home, 3);
  CHECK(beyond(events) == runs{{11, 14}, {20, 30}}); // what lies before 20 may be records
  events.out(home, 0);
  CHECK(events.committable() == 14);
  CHECK(beyond(events) == runs{{20, 30}});
  auto rest = make_batch({20, 21, 22, 23, 24});
  CHECK(events.skip_inherited(events.open(rest), *rest).empty());
  CHECK(events.committable() == 25);
  CHECK(beyond(events) == runs{{25, 30}});
  auto beginning = make_batch({}, 26); // a position that moved on within the map
  CHECK(events.skip_inherited(events.open(beginning), *beginning).empty());
  CHECK(beyond(events) == runs{{26, 30}});
}

TEST_CASE("I2: what is inherited from before the position is nothing") {
  core::tracker events{10, {{3, 5}, {8, 12}}};
  CHECK(beyond(events) == runs{{10, 12}});
}

TEST_CASE("I2: whatever gets out in whatever order, the map is what a set of offsets says") {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    std::mt19937_64 random{seed};
    for (auto left = 100; left > 0; --left)
      life{random}.run();
  }
}
