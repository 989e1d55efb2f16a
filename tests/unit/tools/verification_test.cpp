// What keyloom verify counts. Records are written as "key:value" words, in the order they were
// read.
#include "tools/record_identity.hpp"
#include "tools/verification.hpp"

#include <catch2/catch.hpp>

#include <sstream>
#include <string>

using namespace keyloom::tools;

namespace {

template <class Function>
void for_each_record(const std::string& words, Function f) {
  std::istringstream in{words};
  for (std::string word; in >> word;) {
    auto at = word.find(':');
    auto key = std::string_view{word}.substr(0, at);
    // "-" stands for no key.
    f(key == "-" ? std::string_view{} : key, std::string_view{word}.substr(at + 1));
  }
}

verification_result compare(const std::string& input, const std::string& output) {
  verification check;
  for_each_record(input, [&check](auto key, auto value) { check.add_expected(key, value); });
  for_each_record(output, [&check](auto key, auto value) { check.add_seen(key, value); });
  return check.finish();
}

verification_result counts(size_t expected, size_t seen, size_t lost, size_t duplicates,
                           size_t out_of_order, size_t foreign) {
  return {expected, seen, lost, duplicates, out_of_order, foreign};
}

} // namespace

namespace keyloom::tools {

std::ostream& operator<<(std::ostream& out, const verification_result& x) {
  return out << "expected " << x.expected << ", seen " << x.seen << ", lost " << x.lost
             << ", duplicates " << x.duplicates << ", out_of_order " << x.out_of_order
             << ", foreign " << x.foreign;
}

} // namespace keyloom::tools

TEST_CASE("an output with the same records holds, however keys are interleaved") {
  auto result = compare("a:1 a:2 b:1 b:2", "b:1 a:1 b:2 a:2");
  CHECK(result == counts(4, 4, 0, 0, 0, 0));
  CHECK(result.holds(true));
}

TEST_CASE("a missing record is lost, of a key that has others or has none") {
  CHECK(compare("a:1 a:2 a:3 b:1", "a:1 a:3") == counts(4, 2, 2, 0, 0, 0));
}

TEST_CASE("lost records are not held against those behind them") {
  CHECK(compare("a:1 a:2 a:3 a:4", "a:2 a:4").out_of_order == 0);
}

TEST_CASE("a run that is worked on again is duplicates and in order") {
  auto result = compare("a:1 a:2 a:3", "a:1 a:2 a:1 a:2 a:3");
  CHECK(result == counts(3, 3, 0, 2, 0, 0));
  CHECK(result.holds(false));
  CHECK_FALSE(result.holds(true));
}

TEST_CASE("order is judged at a record's first appearance") {
  CHECK(compare("a:1 a:2", "a:2 a:1 a:2") == counts(2, 2, 0, 1, 1, 0));
  CHECK(compare("a:1 a:2 a:3", "a:3 a:1 a:2").out_of_order == 2);
}

TEST_CASE("a record that the input has under another key is foreign") {
  CHECK(compare("a:1 b:2", "a:1 b:2 b:1 c:1") == counts(2, 2, 0, 0, 0, 2));
}

TEST_CASE("values may repeat within a key") {
  CHECK(compare("a:x a:y a:x", "a:x a:y a:x") == counts(3, 3, 0, 0, 0, 0));
  CHECK(compare("a:x a:y a:x", "a:x a:x") == counts(3, 2, 1, 0, 0, 0));
  CHECK(compare("a:x a:y a:x", "a:x a:x a:y") == counts(3, 3, 0, 0, 1, 0));
  CHECK(compare("a:x", "a:x a:x") == counts(1, 1, 0, 1, 0, 0));
}

TEST_CASE("repeated values that are worked on again are in order") {
  CHECK(compare("a:x a:y a:x a:z", "a:x a:x a:y a:x a:y a:x a:z") == counts(4, 4, 0, 3, 0, 0));
}

TEST_CASE("records without a key are compared as a multiset") {
  CHECK(compare("-:1 -:2 -:2 -:3", "-:2 -:1 -:2 -:2 -:4") == counts(4, 3, 1, 1, 0, 1));
}

TEST_CASE("an empty key is not a missing one") {
  CHECK(compare(":1", "-:1") == counts(1, 0, 1, 0, 0, 1));
}

TEST_CASE("empty topics hold") {
  CHECK(compare("", "") == counts(0, 0, 0, 0, 0, 0));
  CHECK(compare("", "").holds(true));
}

TEST_CASE("load's counters are found at the top of an object only") {
  auto found = find_load_counters(R"({"k":"k000001","n":3,"i":-7,"t":1700000000000000   })");
  REQUIRE(found);
  CHECK(found->n == 3);
  CHECK(found->i == -7);
  CHECK(find_load_counters(" { \"i\" : 1 , \"x\" : [1,{\"n\":\"}\"}] , \"n\" : 2 } "));
  CHECK_FALSE(find_load_counters(R"({"x":{"n":1,"i":2}})"));
  CHECK_FALSE(find_load_counters(R"({"n":1})"));
  CHECK_FALSE(find_load_counters(R"({"n":1.5,"i":2})"));
  CHECK_FALSE(find_load_counters(R"({"n":"1","i":2})"));
  CHECK_FALSE(find_load_counters(R"({"n":1,"i":2)"));
  CHECK_FALSE(find_load_counters(R"({"n":1,"i":2} trailing)"));
  CHECK_FALSE(find_load_counters(R"("n":1,"i":2)"));
  CHECK_FALSE(find_load_counters("{}"));
  CHECK_FALSE(find_load_counters(""));
}

TEST_CASE("names and strings with escapes do not lead the scan astray") {
  CHECK(find_load_counters(R"({"a\"":"\\","b":"},\"n\":9","n":1,"i":2})")->n == 1);
  CHECK_FALSE(find_load_counters(R"({"a":"\","n":1,"i":2})"));
}

TEST_CASE("a record of load is known by its counters, whatever was added") {
  auto plain = fingerprint_of(R"({"k":"a","n":1,"i":2,"t":3})");
  CHECK(plain == fingerprint_of(R"({"k":"a","n":1,"i":2,"t":3,"c":4,"d":5})"));
  CHECK(plain != fingerprint_of(R"({"k":"a","n":2,"i":2,"t":3})"));
  CHECK(plain != fingerprint_of(R"({"k":"a","n":1,"i":3,"t":3})"));
  CHECK(plain != fingerprint_of(R"({"k":"a","n":2,"i":1,"t":3})"));
}

TEST_CASE("other objects are known by their content without d and c") {
  auto plain = fingerprint_of(R"({"tail":"N1","delay":12})");
  CHECK(plain == fingerprint_of(R"({ "delay": 12, "tail": "N1", "d": 1, "c": 2 })"));
  CHECK(plain != fingerprint_of(R"({"tail":"N1","delay":13})"));
  CHECK(plain != fingerprint_of(R"({"tail":"N1","delay":12,"e":1})"));
  CHECK(fingerprint_of(R"({"x":{"d":1}})") != fingerprint_of(R"({"x":{"d":2}})"));
}

TEST_CASE("anything else is known by its bytes") {
  CHECK(fingerprint_of("[1]") != fingerprint_of("[1 ]"));
  CHECK(fingerprint_of("{broken") != fingerprint_of("{broken "));
  CHECK(fingerprint_of("") != fingerprint_of(std::string_view{}));
  CHECK(fingerprint_of("{\"a\":\"\xff\"}") == fingerprint_of("{\"a\":\"\xff\"}"));
}
