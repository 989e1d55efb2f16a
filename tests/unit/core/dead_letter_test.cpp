#include "runtime/core/dead_letter.hpp"
#include "tests/fakes/batches.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
namespace dead_letter = core::dead_letter;

namespace {

/// The headers, "name=value" or "name" for a null one, in order.
std::vector<std::string> shown(const outgoing_record& rec) {
  std::vector<std::string> result;
  for (auto& each : rec.headers)
    result.push_back(each.name + (each.value ? "=" + *each.value : ""));
  return result;
}

/// A batch with the record that `from` becomes when it is sent.
core::record_batch_ptr delivered(const outgoing_record& from) {
  auto result = caf::make_counted<core::record_batch>("dead", 0);
  auto view = [](const std::optional<std::string>& text) {
    return text ? std::string_view{*text} : std::string_view{};
  };
  result->add(view(from.key), view(from.value), 0, from.timestamp_ms.value_or(-1));
  for (auto& each : from.headers)
    result->add_header(each.name, view(each.value));
  return result;
}

outgoing_record original() {
  return {.topic = "legs",
          .key = "N1",
          .value = std::string{"\0\xff", 2},
          .headers = {{"type", "leg"}, {"trace", std::nullopt}, {"trace", ""}},
          .timestamp_ms = 1'700'000'000'123};
}

dead_letter::circumstances some() {
  return {.topic = "legs",
          .partition = 3,
          .offset = 42,
          .stage = "lookup",
          .error = "no table",
          .attempts = 4,
          .time_ms = 1'800'000'000'000};
}

} // namespace

TEST_CASE("a dead letter has all of its record, and headers that say where and why it failed") {
  auto batch = delivered(original());
  auto letter = dead_letter::make("dead", batch->records()[0], some());
  CHECK(letter.topic == "dead");
  CHECK(letter.key == "N1");
  CHECK(letter.value == original().value);
  CHECK(letter.timestamp_ms == 1'700'000'000'123);
  CHECK_FALSE(letter.partition);
  CHECK(shown(letter)
        == std::vector<std::string>{
          "type=leg", "trace", "trace=", "keyloom.dead-letter.topic=legs",
          "keyloom.dead-letter.partition=3", "keyloom.dead-letter.offset=42",
          "keyloom.dead-letter.stage=lookup", "keyloom.dead-letter.error=no table",
          "keyloom.dead-letter.attempts=4", "keyloom.dead-letter.time=1800000000000"});
}

TEST_CASE("a record without a stage, key or value has none in its dead letter") {
  auto batch = delivered({.topic = "legs"});
  auto what = some();
  what.stage.clear();
  auto letter = dead_letter::make("dead", batch->records()[0], what);
  CHECK_FALSE(letter.key);
  CHECK_FALSE(letter.value);
  CHECK_FALSE(letter.timestamp_ms);
  CHECK(letter.headers.size() == 6);
}

TEST_CASE("undoing a dead letter gives the record it was made of") {
  auto record = delivered(original());
  auto letter = delivered(dead_letter::make("dead", record->records()[0], some()));
  CHECK(dead_letter::is_one(letter->records()[0]));
  CHECK_FALSE(dead_letter::is_one(record->records()[0]));
  auto back = dead_letter::undo("legs", letter->records()[0]);
  CHECK(back.topic == "legs");
  CHECK(back.key == original().key);
  CHECK(back.value == original().value);
  CHECK(back.timestamp_ms == original().timestamp_ms);
  CHECK(shown(back) == shown(original()));
}

TEST_CASE("a record that was dead before says of its last death only") {
  auto record = delivered(original());
  auto first = delivered(dead_letter::make("dead", record->records()[0], some()));
  auto second = dead_letter::make("dead", first->records()[0], {.topic = "dead", .error = "again"});
  CHECK(shown(second)[3] == "keyloom.dead-letter.topic=dead");
  CHECK(second.headers.size() == 3 + 6);
}

TEST_CASE("a long error is cut between two characters") {
  auto record = delivered(original());
  auto what = some();
  what.error = std::string(dead_letter::longest_error - 1, 'x') + "\u00e9";
  auto letter = dead_letter::make("dead", record->records()[0], what);
  CHECK(letter.headers[7].value == std::string(dead_letter::longest_error - 1, 'x'));
}
