#include <keyloom/outcome.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;

TEST_CASE("an outcome is exactly one of complete, incomplete and failed") {
  CHECK(complete.is_complete());
  CHECK_FALSE(complete.is_incomplete());
  CHECK_FALSE(complete.is_failed());
  CHECK(incomplete.is_incomplete());
  CHECK_FALSE(incomplete.is_complete());
  outcome failed{errc::decode_failed, "bad bytes"};
  CHECK(failed.is_failed());
  CHECK_FALSE(failed.is_complete());
  CHECK(failed.error() == errc::decode_failed);
  CHECK(describe(failed.error()) == "bad bytes");
}

TEST_CASE("an outcome from an empty error is complete") {
  CHECK(outcome{caf::error{}}.is_complete());
}

TEST_CASE("an error without a sentence is described by its code") {
  CHECK(describe(caf::make_error(errc::topic_missing)).find("topic_missing") != std::string::npos);
  CHECK_FALSE(describe(caf::error{}).empty());
}

TEST_CASE("every error code is read back from its name and its number") {
  for (uint8_t i = 1; i <= static_cast<uint8_t>(errc::partition_stopped); ++i) {
    errc from_number{};
    REQUIRE(from_integer(i, from_number));
    errc from_name{};
    REQUIRE(from_string(to_string(from_number), from_name));
    CHECK(from_name == from_number);
    CHECK(static_cast<uint8_t>(from_name) == i);
  }
  errc untouched = errc::bad_config;
  CHECK_FALSE(from_integer(200, untouched));
  CHECK_FALSE(from_string("no such name", untouched));
  CHECK(untouched == errc::bad_config);
}
