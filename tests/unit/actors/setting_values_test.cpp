#include "actors/setting_values.hpp"

#include <caf/timespan.hpp>

#include <catch2/catch.hpp>

#include <limits>

using namespace keyloom::actors;
using namespace std::chrono_literals;

namespace {

caf::config_value text(const char* x) {
  return caf::config_value{std::string{x}};
}

} // namespace

TEST_CASE("a duration is a whole number with a unit") {
  CHECK(to_duration(text("250ns")) == 250ns);
  CHECK(to_duration(text("7us")) == 7us);
  CHECK(to_duration(text("100ms")) == 100ms);
  CHECK(to_duration(text("3s")) == 3s);
  CHECK(to_duration(text("2min")) == 2min);
  CHECK(to_duration(text("24h")) == 24h);
  CHECK(to_duration(text("-5ms")) == -5ms);
  CHECK(to_duration(caf::config_value{caf::timespan{5ms}}) == 5ms);
}

TEST_CASE("what is not a whole number with a unit is no duration") {
  auto* wrong = GENERATE("", "5", "ms", "1.5s", "5 ms", "5d", "5sec", "ms5", "0x5ms", "5ms ");
  CHECK_FALSE(to_duration(text(wrong)));
}

TEST_CASE("a duration too long to count is the longest, not one that wrapped") {
  CHECK(to_duration(text("9999999999h")) == std::chrono::nanoseconds::max());
  CHECK(to_duration(text("99999999999999999999ms")) == std::chrono::nanoseconds::max());
  CHECK(to_duration(text("-9999999999h")) == std::chrono::nanoseconds::min());
}

TEST_CASE("an amount of memory is a whole number, alone or with a unit") {
  CHECK(to_bytes(text("0")) == 0);
  CHECK(to_bytes(text("12")) == 12);
  CHECK(to_bytes(text("12B")) == 12);
  CHECK(to_bytes(text("64KiB")) == 64 * 1024);
  CHECK(to_bytes(text("256MiB")) == uint64_t{256} * 1024 * 1024);
  CHECK(to_bytes(text("3GiB")) == uint64_t{3} * 1024 * 1024 * 1024);
  CHECK(to_bytes(caf::config_value{4096}) == 4096);
  CHECK(to_bytes(text("99999999999GiB")) == std::numeric_limits<int64_t>::max());
}

TEST_CASE("what is not a whole number of bytes is no amount of memory") {
  auto* wrong = GENERATE("", "MiB", "1.5GiB", "-1", "-1MiB", "5 MiB", "5MB", "5mib", "5M");
  CHECK_FALSE(to_bytes(text(wrong)));
}

TEST_CASE("an integer too great to count is the greatest") {
  CHECK(to_integer(text("42")) == 42);
  CHECK(to_integer(text("-42")) == -42);
  CHECK(to_integer(caf::config_value{42}) == 42);
  CHECK(to_integer(text("99999999999999999999")) == std::numeric_limits<int64_t>::max());
  CHECK(to_integer(text("-99999999999999999999")) == std::numeric_limits<int64_t>::min());
}

TEST_CASE("what has a fraction, an exponent or a unit is no integer") {
  auto* wrong = GENERATE("", "1.5", "1e3", "5ms", "five", "0x10", " 5", "5 ");
  CHECK_FALSE(to_integer(text(wrong)));
}

TEST_CASE("a list is written as a list, or as one text with commas") {
  using texts = std::vector<std::string>;
  CHECK(to_list(text("a")) == texts{"a"});
  CHECK(to_list(text("a,b,c")) == texts{"a", "b", "c"});
  CHECK(to_list(text("a,,")) == texts{"a", "", ""});
  CHECK(to_list(text("")) == texts{""});
  caf::config_value::list both{text("a,b"), text("c")};
  CHECK(to_list(caf::config_value{both}) == texts{"a,b", "c"});
}

TEST_CASE("durations and amounts of memory are shown in the greatest unit that is exact") {
  CHECK(show(0ms) == "0ms");
  CHECK(show(1500ms) == "1500ms");
  CHECK(show(30'000ms) == "30s");
  CHECK(show(90s) == "90s");
  CHECK(show(24h) == "24h");
  CHECK(show_bytes(0) == "0");
  CHECK(show_bytes(1000) == "1000B");
  CHECK(show_bytes(4096) == "4KiB");
  CHECK(show_bytes(uint64_t{256} << 20) == "256MiB");
}
