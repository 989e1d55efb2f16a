#include "runtime/core/start_point.hpp"

#include <catch2/catch.hpp>

using namespace keyloom::core;

namespace {

using reason = start_point::reason;
using runs = std::vector<offset_run>;

constexpr topic_id this_topic{1};
constexpr topic_id other_topic{2};

start_facts committed(int64_t offset, runs out = {}) {
  return {.committed = offset,
          .metadata = encode({this_topic, std::move(out)}, offset),
          .topic = this_topic,
          .low = 0,
          .high = 1000};
}

} // namespace

TEST_CASE("a partition begins at its committed offset, with what was out beyond it") {
  auto start = choose_start(committed(10, {{12, 15}}));
  CHECK(start.why == reason::committed);
  CHECK_FALSE(start.is_gap());
  CHECK(start.note.empty());
  CHECK(start.at.offset == 10);
  CHECK(start.at.beyond == runs{{12, 15}});
}

TEST_CASE("without a commit a partition begins at the earliest record, which is no gap") {
  auto start = choose_start({.topic = this_topic, .low = 500, .high = 1000});
  CHECK(start.why == reason::fresh);
  CHECK_FALSE(start.is_gap());
  CHECK(start.at.offset == -1);
}

TEST_CASE("a commit that is gone while the group has others is a gap if records are gone, too") {
  start_facts facts{.topic = this_topic, .low = 500, .high = 1000, .others_committed = true};
  auto start = choose_start(facts);
  CHECK(start.why == reason::expired);
  CHECK(start.is_gap());
  CHECK(start.at.offset == -1);
  CHECK(start.note.find("500") != std::string::npos);
  facts.low = 0; // as of a partition that was added to the topic
  CHECK_FALSE(choose_start(facts).is_gap());
}

TEST_CASE("a commit of a topic that was deleted is a gap, and its map means nothing") {
  auto facts = committed(10, {{12, 15}});
  facts.topic = other_topic;
  auto start = choose_start(facts);
  CHECK(start.why == reason::recreated);
  CHECK(start.is_gap());
  CHECK(start.at.offset == -1);
  CHECK(start.at.beyond.empty());
}

TEST_CASE("a commit whose topic, or the topic's begin and end, nobody tells is taken as it is") {
  auto facts = committed(10, {{12, 15}});
  facts.topic.reset();
  facts.low.reset();
  facts.high.reset();
  auto start = choose_start(facts);
  CHECK(start.why == reason::committed);
  CHECK(start.at.beyond == runs{{12, 15}});
  facts = committed(10, {{12, 15}});
  facts.metadata = encode({{}, {{12, 15}}}, 10);
  CHECK(choose_start(facts).at.beyond == runs{{12, 15}});
}

TEST_CASE("retention past the committed offset is a gap; what is still there and out stays out") {
  auto facts = committed(10, {{12, 15}, {20, 30}});
  facts.low = 22;
  auto start = choose_start(facts);
  CHECK(start.why == reason::too_low);
  CHECK(start.is_gap());
  CHECK(start.at.offset == 22);
  CHECK(start.at.beyond == runs{{22, 30}});
  facts.low = 10;
  CHECK_FALSE(choose_start(facts).is_gap());
}

TEST_CASE("a committed offset behind the topic's end is a gap") {
  auto facts = committed(10);
  facts.high = 9;
  auto start = choose_start(facts);
  CHECK(start.why == reason::too_high);
  CHECK(start.is_gap());
  CHECK(start.at.offset == -1);
  facts.high = 10;
  CHECK_FALSE(choose_start(facts).is_gap());
}

TEST_CASE("an offset that was set by hand is where a partition begins, as a note says") {
  auto facts = committed(10);
  facts.metadata = "";
  auto start = choose_start(facts);
  CHECK(start.why == reason::by_hand);
  CHECK_FALSE(start.is_gap());
  CHECK(start.at.offset == 10);
  CHECK_FALSE(start.note.empty());
  facts.topic.reset(); // then keyloom itself writes no metadata when there is nothing beyond
  CHECK(choose_start(facts).why == reason::committed);
}

TEST_CASE("I2: metadata that cannot be used is not used, as a note says") {
  for (auto* metadata : {"another program's", "keyloom:2:x", "keyloom:1:x"}) {
    auto facts = committed(10);
    facts.metadata = metadata;
    auto start = choose_start(facts);
    CHECK(start.why == reason::unread);
    CHECK_FALSE(start.is_gap());
    CHECK(start.at.offset == 10);
    CHECK(start.at.beyond.empty());
    CHECK_FALSE(start.note.empty());
  }
  auto moved = committed(10, {{12, 15}});
  moved.committed = 11; // by hand, with a tool that keeps the metadata
  CHECK(choose_start(moved).at.beyond.empty());
}
