#include "leg.pb.h"
#include "tests/fakes/seeds.hpp"

#include <keyloom/codec/protobuf.hpp>

#include <google/protobuf/stubs/logging.h>

#include <catch2/catch.hpp>

using namespace keyloom;
using keyloom_test::leg;

namespace {

std::string random_bytes(std::mt19937_64& random, size_t most) {
  std::string result(random() % (most + 1), '\0');
  for (auto& each : result)
    each = static_cast<char>(random());
  return result;
}

leg random_leg(std::mt19937_64& random, int depth = 0) {
  leg result;
  result.set_tail("N" + std::to_string(random() % 1000));
  if (random() % 2 == 0)
    result.set_delay(static_cast<int32_t>(random()));
  for (auto i = random() % 4; i > 0; --i)
    result.add_stops(random_bytes(random, 20));
  for (auto i = random() % 4; i > 0; --i)
    (*result.mutable_weights())[std::to_string(i)] = static_cast<int64_t>(random());
  if (depth < 5 && random() % 2 == 0)
    *result.mutable_next() = random_leg(random, depth + 1);
  return result;
}

bool same(const leg& x, const leg& y) {
  auto equal_maps = x.weights().size() == y.weights().size();
  for (const auto& [name, weight] : x.weights())
    equal_maps = equal_maps && y.weights().count(name) == 1 && y.weights().at(name) == weight;
  return equal_maps && x.tail() == y.tail() && x.has_delay() == y.has_delay()
         && x.delay() == y.delay()
         && std::equal(x.stops().begin(), x.stops().end(), y.stops().begin(), y.stops().end())
         && x.has_next() == y.has_next() && (!x.has_next() || same(x.next(), y.next()));
}

} // namespace

TEST_CASE("any Protobuf message comes back as it was encoded") {
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    std::mt19937_64 random{seed};
    for (int i = 0; i < 100; ++i) {
      auto sent = random_leg(random);
      auto received = protobuf<leg>{}.decode(protobuf<leg>{}.encode(sent));
      REQUIRE(received);
      CHECK(same(*received, sent));
    }
  }
}

TEST_CASE("bytes that are no Protobuf message are a decoding error that names the message") {
  auto decoded = protobuf<leg>{}.decode("\xff\xff\xff");
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error() == errc::decode_failed);
  CHECK(describe(decoded.error()) == "the 3 bytes are not a Protobuf message keyloom_test.leg");
}

TEST_CASE(
  "a Protobuf message that lacks a required field is a decoding error that names the field") {
  auto decoded = protobuf<leg>{}.decode("");
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error() == errc::decode_failed);
  CHECK(describe(decoded.error())
        == "a Protobuf message keyloom_test.leg lacks required fields: tail");
}

TEST_CASE("a Protobuf message that lacks a required field is not encoded") {
  leg inner_lacks_tail;
  inner_lacks_tail.set_tail("N1");
  inner_lacks_tail.mutable_next()->set_delay(3);
  CHECK_THROWS_WITH(protobuf<leg>{}.encode(inner_lacks_tail),
                    "a Protobuf message keyloom_test.leg lacks required fields: next.tail");
}

TEST_CASE("Protobuf bytes cut off or changed anywhere are a message or an error, never a crash") {
  google::protobuf::LogSilencer silent; // it complains of texts that are not UTF-8
  for (auto seed : test::seeds()) {
    INFO(test::replay(seed));
    std::mt19937_64 random{seed};
    for (int i = 0; i < 300; ++i) {
      auto bytes = protobuf<leg>{}.encode(random_leg(random));
      if (random() % 2 == 0)
        bytes.resize(random() % bytes.size());
      else
        bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
      auto decoded = protobuf<leg>{}.decode(bytes);
      CHECK((decoded || decoded.error() == errc::decode_failed));
    }
  }
}
