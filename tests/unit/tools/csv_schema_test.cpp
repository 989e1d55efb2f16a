// What is a number in a CSV text, and how rows become JSON.
#include "tools/csv_schema.hpp"
#include "tools/csv_source.hpp"

#include <keyloom/errc.hpp>

#include <catch2/catch.hpp>

using namespace keyloom::tools;
using keyloom::describe;
using keyloom::errc;

namespace {

using row = std::vector<std::string>;

csv_schema schema_of(const row& header, const std::vector<row>& rows) {
  auto result = csv_schema::make(header);
  REQUIRE(result);
  for (const auto& each : rows)
    REQUIRE_FALSE(result->observe(each));
  return *result;
}

std::string encode(const csv_schema& schema, const row& cells) {
  std::string result = "what was there before";
  REQUIRE_FALSE(schema.encode(cells, result));
  return result;
}

} // namespace

TEST_CASE("numbers are what JSON's grammar says") {
  for (auto text : {"0", "-0", "7", "-12", "10.50", "0.5", "1e5", "1E+5", "-2.5e-10"})
    CHECK(is_json_number(text));
  for (auto text : {"", "-", "+1", "0515", "00", "-01", ".5", "5.", "1e", "1e+", "1.e5", "NaN",
                    "Inf", "0x10", "1 ", " 1", "1,000", "1_000", "1f"})
    CHECK_FALSE(is_json_number(text));
}

TEST_CASE("one cell that is no number makes its column text") {
  auto schema = schema_of({"dep", "delay"}, {{"1200", "5"}, {"0515", "-3"}});
  CHECK_FALSE(schema.is_numeric(0));
  CHECK(schema.is_numeric(1));
  CHECK(encode(schema, {"1200", "5"}) == R"({"dep":"1200","delay":5})");
}

TEST_CASE("empty cells decide nothing about their column and are left out") {
  auto schema = schema_of({"a", "b", "c"}, {{"", "x", ""}, {"2", "", ""}});
  CHECK(schema.is_numeric(0));
  CHECK(encode(schema, {"2", "", ""}) == R"({"a":2})");
  CHECK(encode(schema, {"", "x", ""}) == R"({"b":"x"})");
  CHECK(encode(schema, {"", "", ""}) == "{}");
}

TEST_CASE("numbers keep their spelling") {
  auto schema = schema_of({"a"}, {{"1.50"}});
  CHECK(encode(schema, {"1.50"}) == R"({"a":1.50})");
}

TEST_CASE("texts and column names are escaped") {
  auto schema = schema_of({"say \"a\""}, {{"tab\there"}});
  CHECK(encode(schema, {"tab\there"}) == R"({"say \"a\"":"tab\there"})");
}

TEST_CASE("a row must have as many cells as there are columns") {
  auto schema = schema_of({"a", "b"}, {});
  CHECK(schema.observe({"1"}) == errc::decode_failed);
  CHECK(schema.observe({"1", "2", "3"}) == errc::decode_failed);
}

TEST_CASE("two columns of the same name are an error that names it") {
  auto result = csv_schema::make({"a", "b", "a"});
  REQUIRE_FALSE(result);
  CHECK(describe(result.error()).find("\"a\"") != std::string::npos);
}

TEST_CASE("a cell that is not UTF-8 is an error that names its column") {
  auto schema = schema_of({"name"}, {{"M\xFCnchen"}});
  std::string value;
  auto problem = schema.encode({"M\xFCnchen"}, value);
  CHECK(problem == errc::decode_failed);
  CHECK(describe(problem).find("column name") != std::string::npos);
}

TEST_CASE("the base name of a file is its type") {
  CHECK(base_name("some/folder/legs-2013-01.csv.gz") == "legs-2013-01");
  CHECK(base_name("planes.csv") == "planes");
  CHECK(base_name("planes.gz") == "planes.gz");
  CHECK(base_name("/a.csv/planes") == "planes");
}
