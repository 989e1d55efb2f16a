#include <keyloom/codec/json.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;

namespace {

struct leg {
  std::string tail;
  int delay = 0;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(leg, tail, delay)

} // namespace

TEST_CASE("text, view and bytes give back what they encoded, zeros too") {
  std::string raw{"a\0b\xff", 4};
  CHECK(*text{}.decode(text{}.encode(raw)) == raw);
  CHECK(*view{}.decode(raw) == raw);
  CHECK(view{}.encode(raw) == raw);
  CHECK(bytes{}.encode(*bytes{}.decode(raw)) == raw);
  CHECK(bytes{}.decode("")->empty());
}

TEST_CASE("a view decodes in place") {
  std::string raw = "abc";
  CHECK(view{}.decode(raw)->data() == raw.data());
}

TEST_CASE("json gives back what it encoded") {
  auto decoded = json<leg>{}.decode(json<leg>{}.encode({"N123", 7}));
  REQUIRE(decoded);
  CHECK(decoded->tail == "N123");
  CHECK(decoded->delay == 7);
}

TEST_CASE(
  "json that is broken, misses a field or has a wrong type is a decoding error with the reason") {
  auto* broken = GENERATE("{", "", R"({"tail":"N1"})", R"({"tail":1,"delay":2})", "[]");
  auto decoded = json<leg>{}.decode(broken);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error() == errc::decode_failed);
  CHECK(describe(decoded.error()).find("not the expected JSON") != std::string::npos);
}
