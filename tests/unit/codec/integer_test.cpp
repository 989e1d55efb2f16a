#include "tests/fakes/seeds.hpp"

#include <keyloom/codec/integer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace keyloom;
using namespace std::string_literals;

namespace {

/// Numbers of all magnitudes, and the ends of the range.
template <class T>
std::vector<T> numbers(uint64_t seed) {
  std::mt19937_64 random{seed};
  std::vector<T> result{std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), T{0}, T{1},
                        static_cast<T>(-1)};
  for (int i = 0; i < 200; ++i)
    result.push_back(static_cast<T>(static_cast<T>(random()) >> (random() % (sizeof(T) * 8))));
  return result;
}

template <class Codec, class T>
void check_round_trip(const std::vector<T>& values) {
  for (auto value : values) {
    INFO(+value);
    auto decoded = Codec{}.decode(Codec{}.encode(value));
    REQUIRE(decoded);
    CHECK(*decoded == value);
  }
}

template <class Codec>
void check_refused(std::string_view bytes, const std::string& reason) {
  auto decoded = Codec{}.decode(bytes);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error() == errc::decode_failed);
  CHECK(describe(decoded.error()) == reason);
}

} // namespace

TEMPLATE_TEST_CASE("every integer comes back from every codec", "", int8_t, uint8_t, int16_t,
                   uint16_t, int32_t, uint32_t, int64_t, uint64_t, long long, unsigned long long) {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    auto values = numbers<TestType>(seed);
    check_round_trip<big_endian<TestType>>(values);
    check_round_trip<java_integer<TestType>>(values);
    check_round_trip<decimal<TestType>>(values);
  }
}

TEMPLATE_TEST_CASE("the bytes of big_endian sort as the numbers do", "", int8_t, uint8_t, int16_t,
                   uint16_t, int32_t, uint32_t, int64_t, uint64_t) {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    auto values = numbers<TestType>(seed);
    std::sort(values.begin(), values.end());
    std::vector<std::string> encoded;
    for (auto value : values)
      encoded.push_back(big_endian<TestType>{}.encode(value));
    // std::string compares as memcmp does, which is how Kafka's tools and stores sort keys.
    CHECK(std::is_sorted(encoded.begin(), encoded.end()));
  }
}

TEST_CASE("big_endian puts the most significant byte first and turns the sign round") {
  CHECK(big_endian<uint32_t>{}.encode(0x01020304) == "\x01\x02\x03\x04"s);
  CHECK(big_endian<int32_t>{}.encode(0) == "\x80\0\0\0"s);
  CHECK(big_endian<int32_t>{}.encode(-1) == "\x7f\xff\xff\xff"s);
  CHECK(big_endian<int16_t>{}.encode(std::numeric_limits<int16_t>::min()) == "\0\0"s);
}

TEST_CASE("java_integer writes what Kafka's serializers write") {
  CHECK(java_integer<int32_t>{}.encode(1) == "\0\0\0\x01"s);
  CHECK(java_integer<int64_t>{}.encode(-2) == "\xff\xff\xff\xff\xff\xff\xff\xfe"s);
  CHECK(*java_integer<int16_t>{}.decode("\x80\0"s) == -32768);
}

TEST_CASE("decimal writes digits and a minus sign") {
  CHECK(decimal<int>{}.encode(-42) == "-42");
  CHECK(decimal<uint64_t>{}.encode(18446744073709551615u) == "18446744073709551615");
  CHECK(*decimal<int8_t>{}.decode("-128") == -128);
  CHECK(*decimal<int>{}.decode("007") == 7);
}

TEST_CASE("an integer of bytes with another length is a decoding error that names both") {
  check_refused<big_endian<int32_t>>("", "not an integer of 4 bytes: there are 0");
  check_refused<big_endian<int32_t>>("\0\0\0"s, "not an integer of 4 bytes: there are 3");
  check_refused<java_integer<int64_t>>("\0\0\0\0\0\0\0\0\0"s,
                                       "not an integer of 8 bytes: there are 9");
}

TEST_CASE("what is no decimal number in range is a decoding error that names the range") {
  auto* wrong = GENERATE("", "-", "+1", " 1", "1 ", "1.5", "1e3", "0x1", "one", "128", "-129",
                         "99999999999999999999999999999999");
  check_refused<decimal<int8_t>>(wrong, "not an integer from -128 to 127: '"s + wrong + "'");
}

TEST_CASE("a decimal error shows the beginning of a long text only") {
  check_refused<decimal<uint8_t>>(std::string(100, 'x'),
                                  "not an integer from 0 to 255: '" + std::string(40, 'x') + "'");
}
