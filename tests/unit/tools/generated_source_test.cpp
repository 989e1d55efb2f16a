// The records that load makes up.
#include "tools/generated_source.hpp"

#include <keyloom/errc.hpp>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <map>

using namespace keyloom::tools;
using keyloom::describe;
using keyloom::errc;
using keyloom::outgoing_record;

namespace {

std::vector<outgoing_record> all_of(const generated_source::config& cfg) {
  generated_source source{cfg};
  std::vector<outgoing_record> result;
  for (outgoing_record rec;;) {
    auto more = source.next(rec);
    REQUIRE(more);
    if (!*more)
      return result;
    result.push_back(rec);
  }
}

} // namespace

TEST_CASE("records count within their key and overall") {
  auto records = all_of({.records = 7, .keys = 3});
  REQUIRE(records.size() == 7);
  std::map<std::string, uint64_t> counters;
  for (size_t i = 0; i < records.size(); ++i) {
    auto value = nlohmann::json::parse(*records[i].value);
    CHECK(value.size() == 4);
    CHECK(value["k"] == *records[i].key);
    CHECK(value["n"] == counters[*records[i].key]++);
    CHECK(value["i"] == i);
    CHECK(value["t"].is_number_unsigned());
    CHECK(records[i].type == "load");
  }
  CHECK(counters
        == std::map<std::string, uint64_t>{{"k000000", 3}, {"k000001", 2}, {"k000002", 2}});
}

TEST_CASE("keys have six digits, and more when they must") {
  auto few = all_of({.records = 1001, .keys = 1001});
  CHECK(few[0].key == "k000000");
  CHECK(few[9].key == "k000009");
  CHECK(few[10].key == "k000010");
  CHECK(few[1000].key == "k001000");
  // Of so many keys, a tenth has six digits.
  std::map<size_t, int> sizes;
  for (const auto& rec : all_of({.records = 1000, .keys = 10'000'000, .zipf = 0})) {
    ++sizes[rec.key->size()];
    CHECK((rec.key->size() == 7 || (*rec.key)[1] != '0'));
  }
  CHECK(sizes.size() == 2);
  CHECK(sizes[7] > 50);
  CHECK(sizes[8] > 800);
}

TEST_CASE("values have exactly the bytes that were asked for") {
  for (uint32_t bytes : {61U, 62U, 100U, 5000U})
    for (const auto& rec : all_of({.records = 20, .keys = 2, .value_bytes = bytes})) {
      CHECK(rec.value->size() == bytes);
      CHECK(nlohmann::json::accept(*rec.value));
    }
}

TEST_CASE("a size that does not hold the fields is an error that says what would do") {
  generated_source::config cfg{.records = 11, .keys = 2, .value_bytes = 10};
  auto problem = generated_source::check(cfg);
  CHECK(problem == errc::bad_config);
  auto text = describe(problem);
  auto needed = static_cast<uint32_t>(std::stoul(text.substr(text.find("at least ") + 9)));
  cfg.value_bytes = needed;
  CHECK_FALSE(generated_source::check(cfg));
  for (const auto& rec : all_of(cfg))
    CHECK(rec.value->size() == needed);
  cfg.value_bytes = needed - 1;
  CHECK(generated_source::check(cfg) == errc::bad_config);
}

TEST_CASE("with an exponent the first key is the most frequent") {
  std::map<std::string, int> counts;
  for (const auto& rec : all_of({.records = 10'000, .keys = 100, .zipf = 1.1}))
    ++counts[*rec.key];
  CHECK(counts["k000000"] > 1900);
  CHECK(counts["k000099"] < 100);
}

TEST_CASE("the same settings give the same keys in the same order") {
  generated_source::config cfg{.records = 1000, .keys = 50, .zipf = 0.9};
  auto first = all_of(cfg);
  auto second = all_of(cfg);
  for (size_t i = 0; i < first.size(); ++i)
    CHECK(first[i].key == second[i].key);
}
