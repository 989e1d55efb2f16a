#include "runtime/core/out_runs.hpp"

#include "runtime/core/held_event.hpp"
#include "tests/fakes/seeds.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace keyloom;
using core::offset_run;
using core::out_runs;

namespace {

using offset_runs = std::vector<offset_run>;

constexpr size_t endless = 1000;

/// `count` records from `first` on.
out_runs::leaving record(uint64_t number) {
  return {number, number, number};
}

} // namespace

TEST_CASE(
  "I1: what is out up to the lowest record that is not moves the offset, the rest is a run") {
  out_runs runs{{10, {}}, endless};
  for (int64_t offset : {10, 11, 12, 13})
    runs.admit(offset);
  std::vector leaving{record(0), record(2)};
  CHECK(runs.leave(leaving));
  CHECK(runs.reached().offset == 11);
  CHECK(runs.reached().beyond == offset_runs{{12, 13}});
  leaving = {record(1)};
  CHECK(runs.leave(leaving));
  CHECK(runs.reached().offset == 13);
  CHECK(runs.reached().beyond.empty());
}

TEST_CASE("offsets without a record between two that are out belong to their run") {
  out_runs runs{{0, {}}, endless};
  for (int64_t offset : {0, 5, 9, 20})
    runs.admit(offset);
  std::vector leaving{record(1), record(2)};
  CHECK(runs.leave(leaving));
  CHECK(runs.reached().beyond == offset_runs{{5, 10}});
}

TEST_CASE("when everything is out the position may be committed, over control records too") {
  out_runs runs{{0, {}}, endless};
  runs.admit(0);
  CHECK(runs.leave(std::vector{record(0)}));
  CHECK(runs.reached().offset == 1);
  runs.moved_to(4);
  CHECK(runs.reached().offset == 4);
  runs.admit(6);
  CHECK(runs.reached().offset == 6);
}

TEST_CASE("what is inherited is carried on until its records have come") {
  out_runs runs{{0, {{3, 6}}}, endless};
  runs.admit(0);
  CHECK(runs.reached().beyond == offset_runs{{3, 6}});
  runs.admit(1);
  CHECK(runs.leave(std::vector{record(1)}));
  CHECK(runs.reached().beyond == offset_runs{{1, 2}, {3, 6}});
  runs.moved_to(3); // nothing can lie between 1 and 3
  CHECK(runs.reached().beyond == offset_runs{{1, 6}});
  runs.pass_over(4);
  CHECK(runs.reached().beyond == offset_runs{{1, 6}});
  runs.admit(7);
  CHECK(runs.reached().beyond == offset_runs{{1, 5}});
  CHECK(runs.leave(std::vector{record(0)}));
  CHECK(runs.reached().offset == 7);
}

TEST_CASE("what is inherited right behind the position stays in the map") {
  out_runs runs{{0, {{1, 5}}}, endless};
  runs.admit(0);
  CHECK(runs.leave(std::vector{record(0)}));
  CHECK(runs.reached().offset == 1);
  CHECK(runs.reached().beyond == offset_runs{{1, 5}});
}

TEST_CASE("what a map cannot name does not leave, and the largest part that it can is found") {
  out_runs runs{{0, {}}, 1};
  for (int64_t offset = 0; offset < 20; ++offset)
    runs.admit(offset);
  // A byte is a bitmap of eight offsets.
  std::vector leaving{record(3), record(7), record(8)};
  CHECK(!runs.leave(leaving));
  CHECK(runs.best_reach(leaving) == 7);
  CHECK(runs.reached().beyond.empty());
  leaving.pop_back();
  CHECK(runs.leave(leaving));
  CHECK(runs.reached().beyond == offset_runs{{3, 4}, {7, 8}});
}

TEST_CASE("a larger part may fit where a smaller one does not") {
  out_runs runs{{0, {}}, 2};
  for (int64_t offset = 0; offset < 60; ++offset)
    runs.admit(offset);
  std::vector<out_runs::leaving> leaving;
  for (uint64_t number = 10; number < 40; ++number)
    if (number != 20)
      leaving.push_back(record(number));
  leaving.push_back({20, 45, 20}); // needs a later one
  leaving.push_back({45, 45, 45});
  std::sort(leaving.begin(), leaving.end(), [](auto& a, auto& b) { return a.record < b.record; });
  CHECK(runs.best_reach(leaving) == 19);
  leaving.back() = {40, 45, 40};
  CHECK(runs.best_reach(leaving) == 45);
}

TEST_CASE("the room is what an encoded map has") {
  for (auto topic : {false, true}) {
    core::completion_map map;
    if (topic)
      map.topic.emplace();
    auto room = core::map_room(topic, 200);
    int64_t at = 0;
    for (auto fits = true; fits; at += 1000) {
      map.out.push_back({at + 500, at + 501});
      auto bytes = out_runs::map_bytes(map.out, 0);
      fits = core::decode(core::encode(map, 0, 200), 0).map.out == map.out;
      CHECK(fits == (bytes <= room));
    }
    map.out.clear();
    for (int64_t offset = 1; static_cast<size_t>(offset) < room * 8 + 4; offset += 2) {
      map.out.push_back({offset, offset + 1});
      auto fits = core::decode(core::encode(map, 0, 200), 0).map.out == map.out;
      CHECK(fits == (out_runs::map_bytes(map.out, 0) <= room));
    }
  }
}

// -- random records against the definition
// ---------------------------------------------------------

namespace {

class random_records {
public:
  explicit random_records(uint64_t seed) : random_(seed) {}

  std::string run() {
    auto room = pick(9);
    core::progress start{static_cast<int64_t>(pick(40)), {}};
    auto at = start.offset + static_cast<int64_t>(pick(3));
    for (auto runs = pick(4); runs > 0; --runs) {
      auto begin = at + static_cast<int64_t>(1 + pick(20));
      at = begin + static_cast<int64_t>(1 + pick(20));
      start.beyond.push_back({begin, at});
    }
    // What was inherited fits, as it was committed.
    room = std::max(room, out_runs::map_bytes(start.beyond, start.offset));
    inherited_ = start.beyond;
    position_ = start.offset;
    out_runs runs{start, room};
    for (auto step = 0; step < 60; ++step) {
      if (pick(3) > 0)
        admit(runs);
      else if (auto problem = leave(runs, room); !problem.empty())
        return problem + " at step " + std::to_string(step);
      auto got = runs.reached();
      auto expected = reached({});
      if (got.offset != expected.offset || got.beyond != expected.beyond)
        return "reached " + std::to_string(got.offset) + " instead of "
               + std::to_string(expected.offset) + ", or another map, at step "
               + std::to_string(step);
    }
    return {};
  }

private:
  struct model_record {
    int64_t offset;
    bool out = false;
    bool may_leave = false;
    uint64_t reach = 0;
  };

  size_t pick(size_t below) { return random_() % below; }

  void admit(out_runs& runs) {
    auto offset = position_ + static_cast<int64_t>(pick(4) == 0 ? pick(4) : 0);
    if (pick(12) == 0) {
      position_ = offset;
      runs.moved_to(offset);
      return;
    }
    auto named = std::any_of(inherited_.begin(), inherited_.end(), [offset](auto& run) {
      return run.begin <= offset && offset < run.end;
    });
    if (named)
      runs.pass_over(offset);
    else
      runs.admit(offset);
    records_.push_back({offset, named});
    position_ = offset + 1;
  }

  std::string leave(out_runs& runs, size_t room) {
    std::vector<out_runs::leaving> leaving;
    std::set<uint64_t> bounds;
    for (size_t i = 0; i < records_.size(); ++i) {
      auto& each = records_[i];
      if (!each.out && !each.may_leave && pick(2) == 0) {
        each.may_leave = true;
        each.reach = pick(4) == 0 ? i + pick(8) : i;
      }
      if (each.out || !each.may_leave)
        continue;
      leaving.push_back({i, each.reach, i});
      bounds.insert(each.reach);
      if (pick(5) == 0) {
        auto reach = i + pick(4);
        leaving.push_back({core::held_event::no_record, reach, i});
        bounds.insert(reach);
      }
    }
    auto part = [&](uint64_t bound) {
      std::vector<out_runs::leaving> result;
      for (auto& each : leaving)
        if (each.reach <= bound)
          result.push_back(each);
      return result;
    };
    auto fits = [&](uint64_t bound) {
      auto what = reached(part(bound));
      return out_runs::map_bytes(what.beyond, what.offset) <= room;
    };
    std::optional<uint64_t> expected;
    for (auto bound : bounds)
      if (fits(bound))
        expected = bound;
    if (auto end = runs.plausible(leaving); end < leaving.size())
      for (auto bound : bounds)
        if (bound >= leaving[end].sequence && fits(bound))
          return "a part that fits is not plausible";
    auto best = runs.best_reach(leaving);
    if (best != expected)
      return "the best reach is " + (best ? std::to_string(*best) : "none") + " instead of "
             + (expected ? std::to_string(*expected) : "none");
    auto all = bounds.empty() || fits(*bounds.rbegin());
    auto bound = all ? UINT64_MAX : best.value_or(0);
    if (!all && runs.leave(leaving))
      return "more left than fits";
    if (all || best) {
      if (!runs.leave(part(bound)))
        return "what fits did not leave";
      for (auto& each : part(bound))
        if (each.record != core::held_event::no_record)
          records_[each.record].out = true;
    }
    return {};
  }

  /// As the model has it: what is out and with it `also`, from the lowest record that is not.
  core::progress reached(const std::vector<out_runs::leaving>& also) const {
    auto out = [&](size_t i) {
      return records_[i].out
             || std::any_of(also.begin(), also.end(), [i](auto& each) { return each.record == i; });
    };
    core::progress result{position_, {}};
    size_t lowest = 0;
    while (lowest < records_.size() && out(lowest))
      ++lowest;
    if (lowest < records_.size())
      result.offset = records_[lowest].offset;
    auto open = false;
    for (auto i = lowest; i < records_.size(); ++i) {
      auto offset = records_[i].offset;
      if (out(i) && open)
        result.beyond.back().end = offset + 1;
      else if (out(i))
        result.beyond.push_back({offset, offset + 1});
      open = out(i);
    }
    for (auto& run : inherited_) {
      auto begin = std::max(run.begin, position_);
      if (begin >= run.end)
        continue;
      if (open && begin == position_)
        result.beyond.back().end = run.end;
      else
        result.beyond.push_back({begin, run.end});
      open = false;
    }
    return result;
  }

  std::mt19937_64 random_;
  std::vector<model_record> records_;
  std::vector<offset_run> inherited_;
  int64_t position_ = 0;
};

} // namespace

TEST_CASE("I1 I2: of random records the largest part that fits leaves, and is named exactly") {
  for (auto first : test::seeds())
    for (auto seed = first * 1000; seed < first * 1000 + 300; ++seed)
      if (auto problem = random_records{seed}.run(); !problem.empty())
        FAIL(problem << ", records " << seed << "; " << test::replay(first));
}
