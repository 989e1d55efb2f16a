// What `keyloom top` shows, without a terminal.
#include "actors/state_json.hpp"
#include "tools/top_text.hpp"
#include "tools/top_view.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>

using namespace keyloom;
using namespace keyloom::tools;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using command = top_view::command;

namespace {

key_state key_of(std::string key, std::string stage, std::chrono::milliseconds age,
                 int32_t partition = 0) {
  key_state result{.topic = "legs", .partition = partition, .jobs = 2};
  result.oldest = {.offset = 7,
                   .key = std::move(key),
                   .stage = std::move(stage),
                   .waits_for = "a call that runs",
                   .age = age};
  return result;
}

/// A source with three partitions, two stages and some keys in flight.
system_state sample() {
  source_state source{.running = true};
  source.group = "flights";
  source.topic = "legs";
  for (int32_t i = 0; i < 3; ++i) {
    partition_state each{.topic = "legs", .partition = i, .lifecycle = lifecycle::active};
    each.position = 100 * (i + 1);
    each.lag = i == 1 ? 900 : 10;
    each.in_flight = i == 2 ? 70 : 1;
    each.oldest_age = i == 0 ? 42s : 5ms;
    source.partitions.push_back(each);
  }
  source.stages = {{.name = "look-up", .running = 8, .limits = {.concurrency = 9}},
                   {.name = "write", .paused = true}};
  source.batchers = {{.name = "bulk", .batches = 4, .items = 20}};
  source.keys = {key_of("N725MQ", "look-up", 42s), key_of("N1", "write", 3ms, 1)};
  source.records = 1000;
  source.out = 900;
  return {"host", 4711, 30, {source}};
}

std::vector<std::string> texts(top_view& view, size_t width = 300, size_t height = 100) {
  std::vector<std::string> result;
  for (auto& each : view.lines(width, height))
    result.push_back(each.text);
  return result;
}

/// The first line with this in it; the number of lines when there is none.
size_t line_with(const std::vector<std::string>& lines, const std::string& text) {
  auto it = std::ranges::find_if(lines,
                                 [&](auto& each) { return each.find(text) != std::string::npos; });
  return static_cast<size_t>(it - lines.begin());
}

std::string chosen(top_view& view) {
  for (auto& each : view.lines(300, 100))
    if (each.chosen)
      return each.text;
  return {};
}

std::string whole(top_view& view) {
  std::string result;
  for (auto& each : texts(view))
    result += each + "\n";
  return result;
}

} // namespace

TEST_CASE("the first lines name key, stage and age of what stands still") {
  top_view view{"127.0.0.1:4242"};
  view.show(sample(), {});
  auto lines = texts(view, 300, 4);
  REQUIRE(lines.size() == 4);
  CHECK_THAT(lines[0], Contains("127.0.0.1:4242") && Contains("4711"));
  CHECK_THAT(lines[1], Contains("STANDS STILL"));
  CHECK_THAT(lines[2], Contains("42 s") && Contains("key 'N725MQ'") && Contains("stage 'look-up'")
                         && Contains("legs/0 offset 7") && Contains("a call that runs"));
}

TEST_CASE("when nothing stands still it says so") {
  auto seen = sample();
  seen.sources[0].keys.erase(seen.sources[0].keys.begin());
  top_view view{"there"};
  view.show(seen, {});
  CHECK_THAT(texts(view)[1], Contains("nothing stands still"));
}

TEST_CASE("errors of a source are among the first lines") {
  auto seen = sample();
  seen.sources[0].errors = {"partition legs/1 stopped"};
  top_view view{"there"};
  view.show(seen, {});
  CHECK_THAT(texts(view)[1], Contains("ERROR in group flights: partition legs/1 stopped"));
}

TEST_CASE("rates are those between two looks, and none after the process was started anew") {
  top_view view{"there"};
  top_view::time_point now{};
  view.show(sample(), now);
  auto later = sample();
  later.sources[0].records += 500;
  later.sources[0].out += 250;
  later.sources[0].partitions[1].position += 40;
  view.show(later, now + 500ms);
  CHECK_THAT(whole(view), Contains("1,000 rec/s in, 500 out"));
  auto lines = texts(view);
  auto table = line_with(lines, "partition  ");
  REQUIRE(table < lines.size());
  auto row = std::ranges::find_if(lines.begin() + static_cast<ptrdiff_t>(table), lines.end(),
                                  [](auto& each) { return each.starts_with("  legs/1"); });
  REQUIRE(row != lines.end());
  CHECK_THAT(*row, Contains(" 80 "));
  later.process = 4712;
  view.show(later, now + 1s);
  CHECK_THAT(whole(view), !Contains("rec/s in"));
}

TEST_CASE("what hangs is shown before what has waited longer for a place") {
  auto seen = sample();
  auto waiting = seen.sources[0].keys[0];
  waiting.oldest.key = "N1";
  waiting.oldest.age = 50s;
  waiting.oldest.waits_for = "a place in the stage, 8 of 8 are taken";
  seen.sources[0].keys.insert(seen.sources[0].keys.begin(), waiting);
  top_view view{"there"};
  view.show(seen, {});
  auto lines = texts(view);
  CHECK_THAT(lines[1], Contains("(1, and 1 that only wait for a place in a stage)"));
  CHECK_THAT(lines[2], Contains("key 'N725MQ'"));
  CHECK_THAT(lines[3], Contains("key 'N1'") && Contains("a place in the stage"));
}

TEST_CASE("partitions are sorted by age, lag, what is in flight, and name") {
  top_view view{"there"};
  view.show(sample(), {});
  auto order = [&view] {
    std::string result;
    for (auto& each : texts(view))
      if (each.starts_with("  legs/"))
        result += each[7];
    return result;
  };
  CHECK(order() == "012"); // by age, the others alike
  view.press(command::sort);
  CHECK(order() == "102");
  view.press(command::sort);
  CHECK(order() == "201");
  view.press(command::sort);
  CHECK(order() == "012");
}

TEST_CASE("from a line one gets to its page and back, and the choice stays where it was") {
  top_view view{"there"};
  view.show(sample(), {});
  CHECK_THAT(chosen(view), Contains("N725MQ"));
  view.press(command::enter);
  CHECK_THAT(whole(view), Contains("KEY 'N725MQ'") && Contains("in flight for") && Contains("42 s")
                            && Contains("look-up"));
  view.press(command::back);
  CHECK_THAT(chosen(view), Contains("N725MQ"));
  view.press(command::down);
  CHECK_THAT(chosen(view), Contains("legs/0"));
  view.press(command::enter);
  CHECK_THAT(whole(view), Contains("PARTITION legs/0") && Contains("N725MQ"));
  CHECK(whole(view).find("'N1'") == std::string::npos);
  view.press(command::enter); // its key
  CHECK_THAT(whole(view), Contains("KEY 'N725MQ'"));
  view.press(command::back);
  view.press(command::back);
  for (int i = 0; i < 3; ++i)
    view.press(command::down);
  CHECK_THAT(chosen(view), Contains("look-up"));
  view.press(command::enter);
  CHECK_THAT(whole(view), Contains("STAGE look-up") && Contains("9 at once"));
}

TEST_CASE("the choice follows what it is about when lines move") {
  top_view view{"there"};
  view.show(sample(), {});
  view.press(command::down);
  view.press(command::down);
  REQUIRE_THAT(chosen(view), Contains("legs/1"));
  view.press(command::sort);
  CHECK_THAT(chosen(view), Contains("legs/1"));
}

TEST_CASE("a page says when its key or partition is gone") {
  top_view view{"there"};
  view.show(sample(), {});
  view.press(command::enter);
  auto later = sample();
  later.sources[0].keys.clear();
  view.show(later, {});
  CHECK_THAT(whole(view), Contains("not among the keys in flight"));
  later.sources.clear();
  view.show(later, {});
  CHECK_THAT(whole(view), Contains("its source is gone"));
  view.press(command::back);
  CHECK_THAT(whole(view), Contains("0 sources"));
}

TEST_CASE("in a small terminal the title stays and the chosen line is seen") {
  top_view view{"there"};
  view.show(sample(), {});
  for (int i = 0; i < 20; ++i)
    view.press(command::down);
  auto lines = view.lines(20, 5);
  REQUIRE(lines.size() == 5);
  CHECK_THAT(lines[0].text, Contains("keyloom there"));
  CHECK(std::ranges::any_of(lines, &shown_line::chosen));
  CHECK(std::ranges::all_of(lines, [](auto& each) { return each.text.size() <= 20; }));
}

TEST_CASE("when the process is away it says why and that it tries again, above the last look") {
  top_view view{"there"};
  view.show(sample(), {});
  view.away("the process at there does not answer: timeout");
  CHECK_THAT(texts(view)[1], Contains("does not answer") && Contains("trying again"));
  CHECK_THAT(whole(view), Contains("legs/2"));
  view.show(sample(), {});
  CHECK(whole(view).find("trying again") == std::string::npos);
}

TEST_CASE("what is paused is marked as paused by an inspector") {
  top_view view{"there"};
  view.show(sample(), {});
  auto lines = texts(view);
  CHECK_THAT(lines[line_with(lines, "  write")], Contains("PAUSED by an inspector"));
}

TEST_CASE("times and bytes are written for people") {
  CHECK(shown_time(320ms) == "320 ms");
  CHECK(shown_time(4200ms) == "4.2 s");
  CHECK(shown_time(42s) == "42 s");
  CHECK(shown_time(185s) == "3 min 5 s");
  CHECK(shown_time(7260s) == "2 h 1 min");
  CHECK(shown_bytes(12) == "12 B");
  CHECK(shown_bytes(12 << 20) == "12.0 MiB");
  CHECK(shown_number(-1) == "?");
}

TEST_CASE("the picture as JSON has what the program's contract lists") {
  auto json = actors::to_value(sample());
  auto& source = json["sources"][0];
  for (auto* name : {"partitions", "stages", "keys", "batchers", "committer", "budget"})
    CHECK(source.contains(name));
  CHECK(source["keys"][0]["oldest"]["key"] == "N725MQ");
  CHECK(source["keys"][0]["oldest"]["stage"] == "look-up");
  CHECK(source["keys"][0]["oldest"]["age_ms"] == 42000);
  CHECK(source["partitions"][0]["end"] == -1);
}
