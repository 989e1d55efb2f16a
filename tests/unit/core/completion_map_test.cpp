#include "runtime/core/completion_map.hpp"

#include "runtime/core/sealed_text.hpp"
#include "tests/fakes/seeds.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <limits>
#include <random>
#include <set>

using namespace keyloom;
using namespace keyloom::core;

namespace {

using runs = std::vector<offset_run>;

constexpr topic_id some_topic{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255};

/// Runs of a shape and number that chance decides, beyond `committed`.
runs random_runs(std::mt19937_64& random, int64_t committed) {
  auto up_to = [&random](uint64_t most) { return 1 + static_cast<int64_t>(random() % most); };
  runs result;
  auto offset = committed + up_to(random() % 4 == 0 ? 100'000 : 3);
  auto longest_gap = random() % 2 == 0 ? 3U : 400U;
  auto longest_run = random() % 2 == 0 ? 3U : 400U;
  for (auto left = random() % (random() % 3 == 0 ? 3000 : 30); left > 0; --left) {
    result.push_back({offset, offset + up_to(longest_run)});
    offset = result.back().end + up_to(longest_gap);
  }
  return result;
}

/// What is before `end`.
runs cut_off(runs from, int64_t end) {
  std::erase_if(from, [end](auto& run) { return run.begin >= end; });
  if (!from.empty())
    from.back().end = std::min(from.back().end, end);
  return from;
}

/// Calls `check` so many times a seed.
void for_each_random(int times, const std::function<void(std::mt19937_64&)>& check) {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    std::mt19937_64 random{seed};
    for (auto left = times; left > 0; --left)
      check(random);
  }
}

completion_map decoded(const std::string& metadata, int64_t committed) {
  auto result = decode(metadata, committed);
  REQUIRE(result.kind == metadata_kind::map);
  return result.map;
}

} // namespace

TEST_CASE("where nothing is out beyond the offset and no topic is known, there is no metadata") {
  CHECK(encode({}, 5).empty());
  auto result = decode("", 5);
  CHECK(result.kind == metadata_kind::none);
  CHECK(result.map == completion_map{});
}

TEST_CASE("a topic alone makes a short map") {
  completion_map map{some_topic, {}};
  auto metadata = encode(map, 5);
  CHECK(metadata.size() < 40);
  CHECK(decoded(metadata, 5) == map);
}

TEST_CASE("a map may begin at its offset, as an inherited one does that nothing was read of yet") {
  completion_map map{{}, {{5, 8}}};
  CHECK(decoded(encode(map, 5), 5) == map);
}

TEST_CASE("a commit's mark comes out as it went in, beside whatever else the map says") {
  constexpr auto highest = std::numeric_limits<int64_t>::max();
  for (auto mark : {commit_mark{0, 0, -1}, commit_mark{0x0123456789abcdef, 300, 0},
                    commit_mark{~uint64_t{0}, uint64_t{highest}, highest - 1}})
    for (auto& out : {runs{}, runs{{11, 12}, {14, 20}}})
      for (auto topic : {std::optional<topic_id>{}, std::optional{some_topic}}) {
        auto metadata = encode({topic, out, mark}, 10);
        CHECK(decoded(metadata, 10) == completion_map{topic, out, mark});
        CHECK(metadata.size() <= encode({topic, out}, 10).size() + 20 + mark_bytes * 4 / 3);
      }
}

TEST_CASE("a straggler with a million behind it takes a few bytes") {
  completion_map map{some_topic, {{1, 1'000'001}}};
  auto metadata = encode(map, 0);
  CHECK(metadata.size() < 50);
  CHECK(decoded(metadata, 0) == map);
}

TEST_CASE("offsets may be as high as they get") {
  constexpr auto highest = std::numeric_limits<int64_t>::max();
  completion_map map{{}, {{highest - 20'000'000, highest - 100}}};
  CHECK(decoded(encode(map, highest - 30'000'000), highest - 30'000'000) == map);
  map.out = {{1'000'000'000'000'000, highest - 100}};
  CHECK(decoded(encode(map, 0), 0) == map);
}

TEST_CASE("what other programs, newer versions and damage leave in the metadata is told apart") {
  auto kind = [](const std::string& metadata) { return decode(metadata, 5).kind; };
  CHECK(kind("x") == metadata_kind::foreign);
  CHECK(kind("keyloom") == metadata_kind::foreign);
  CHECK(kind("{\"owner\": 1}") == metadata_kind::foreign);
  CHECK(kind(std::string(4096, '\0')) == metadata_kind::foreign);
  CHECK(kind("keyloom:2:whatever that is") == metadata_kind::newer);
  CHECK(kind("keyloom:17:") == metadata_kind::newer);
  CHECK(kind("keyloom:") == metadata_kind::damaged);
  CHECK(kind("keyloom:1") == metadata_kind::damaged);
  CHECK(kind("keyloom:1:") == metadata_kind::damaged);
  CHECK(kind("keyloom:0:AAAA") == metadata_kind::damaged);
  CHECK(kind("keyloom:99999999999999999999:AAAA") == metadata_kind::damaged);
  CHECK(kind("keyloom:1:" + seal("", 5)) == metadata_kind::damaged);
}

TEST_CASE("I2: a map counts for the offset it was committed with, and for no other") {
  auto metadata = encode({some_topic, {{7, 9}}}, 5);
  CHECK(decode(metadata, 5).kind == metadata_kind::map);
  for (int64_t other : {-1, 0, 4, 6, 7, 1000})
    CHECK(decode(metadata, other).kind == metadata_kind::damaged);
}

TEST_CASE("sealed bytes that are no map are damaged, too") {
  auto kind = [](const std::string& bytes) {
    return decode("keyloom:1:" + seal(bytes, 5), 5).kind;
  };
  CHECK(kind(std::string("\0", 1)) == metadata_kind::map);                     // nothing to say
  CHECK(kind(std::string("\0x", 2)) == metadata_kind::damaged);                // more than nothing
  CHECK(kind("\x01too short") == metadata_kind::damaged);                      // no topic id
  CHECK(kind("\x02\x01\x01") == metadata_kind::map);                           // one run
  CHECK(kind("\x02") == metadata_kind::damaged);                               // no runs
  CHECK(kind("\x02\x01") == metadata_kind::damaged);                           // half a run
  CHECK(kind(std::string("\x02\x01\0", 3)) == metadata_kind::damaged);         // an empty run
  CHECK(kind(std::string("\x02\x01\x01\0\x01", 5)) == metadata_kind::damaged); // runs that touch
  CHECK(kind("\x02\x01\x81") == metadata_kind::damaged); // a number without its end
  CHECK(kind(std::string("\x02\x81\0\x01", 4)) == metadata_kind::damaged); // a long spelling
  CHECK(kind("\x02\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f") == metadata_kind::damaged); // too far
  CHECK(kind("\x02\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") == metadata_kind::damaged);
  CHECK(kind("\x04") == metadata_kind::damaged);                       // no bitmap
  CHECK(kind(std::string("\x04\x01\0", 3)) == metadata_kind::damaged); // a bitmap that goes on
  CHECK(kind("\x06\x01\x01") == metadata_kind::damaged);               // both
  CHECK(kind("\x08") == metadata_kind::damaged);                       // what nobody writes
}

TEST_CASE("random maps come out as they went in, without the farthest where they do not fit") {
  for_each_random(100, [](std::mt19937_64& random) {
    auto committed = static_cast<int64_t>(random() % (random() % 2 == 0 ? 10 : 1ULL << 62));
    completion_map map{{}, random_runs(random, committed)};
    if (random() % 2 == 0)
      map.topic = some_topic;
    auto limit = random() % 2 == 0 ? max_metadata : 40 + random() % max_metadata;
    auto metadata = encode(map, committed, limit);
    REQUIRE(metadata.size() <= limit);
    if (metadata.empty())
      return;
    auto back = decoded(metadata, committed);
    CHECK(back.topic == map.topic);
    if (limit == max_metadata && map.out.size() <= 200) {
      CHECK(back == map); // there is room
    } else {
      auto reach = back.out.empty() ? committed : back.out.back().end;
      CHECK(back.out == cut_off(map.out, reach));
    }
  });
}

TEST_CASE("a map names what a set of offsets has, one by one") {
  for_each_random(50, [](std::mt19937_64& random) {
    std::set<int64_t> offsets;
    auto density = 1 + random() % 10;
    for (int64_t offset = 101; offset < 1000; ++offset)
      if (random() % 10 < density)
        offsets.insert(offset);
    completion_map map;
    for (auto offset : offsets)
      if (!map.out.empty() && map.out.back().end == offset)
        ++map.out.back().end;
      else
        map.out.push_back({offset, offset + 1});
    std::set<int64_t> named;
    for (auto& run : decoded(encode(map, 100), 100).out)
      for (auto offset = run.begin; offset < run.end; ++offset)
        named.insert(offset);
    CHECK(named == offsets);
  });
}

TEST_CASE("what is left takes no more bytes when the committed offset moves on") {
  for_each_random(20, [](std::mt19937_64& random) {
    auto committed = static_cast<int64_t>(random() % (random() % 2 == 0 ? 10 : 1ULL << 62));
    completion_map map{some_topic, random_runs(random, committed)};
    auto metadata = encode(map, committed);
    map = decoded(metadata, committed); // what does not fit is not part of it
    while (!map.out.empty()) {
      // All up to some offset gets out; the next one that is not is committed.
      auto span = static_cast<uint64_t>(map.out.back().end - committed);
      committed += 1 + static_cast<int64_t>(random() % (random() % 2 == 0 ? 3 : span / 5 + 1));
      for (auto& run : map.out)
        if (run.begin <= committed && committed < run.end)
          committed = run.end;
      drop_before(map.out, committed);
      auto next = encode(map, committed);
      REQUIRE(next.size() <= metadata.size());
      REQUIRE(decoded(next, committed) == map);
      metadata = next;
    }
  });
}

TEST_CASE("no run ends or begins twice when what is out before an offset is dropped") {
  runs some{{3, 5}, {7, 9}, {12, 20}};
  auto dropped = [&some](int64_t committed) {
    auto result = some;
    drop_before(result, committed);
    return result;
  };
  CHECK(dropped(0) == some);
  CHECK(dropped(5) == runs{{7, 9}, {12, 20}});
  CHECK(dropped(8) == runs{{8, 9}, {12, 20}});
  CHECK(dropped(19) == runs{{19, 20}});
  CHECK(dropped(20).empty());
}
