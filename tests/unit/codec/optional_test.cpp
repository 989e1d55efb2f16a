#include <keyloom/codec/integer.hpp>
#include <keyloom/codec/json.hpp>
#include <keyloom/detail/decoding.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;

namespace {

/// A turn in which nothing may be done.
class idle_turn final : public detail::turn {
public:
  const record& input() const override { return input_; }
  bool is_interjection() const override { return false; }
  const std::string& topic() const override { return topic_; }
  int32_t partition_id() const override { return 0; }
  std::chrono::system_clock::time_point now() const override { return {}; }
  void forward(outgoing_record&&) override { FAIL("nothing is sent"); }
  void forward(const record&, std::string_view) override { FAIL("nothing is sent"); }
  detail::job& blank_job(uint32_t) override { throw std::logic_error("there is no stage"); }
  outcome submit(detail::job&) override { throw std::logic_error("there is no stage"); }
  job_completion job_complete(std::function<outcome(detail::turn&)>) override {
    throw std::logic_error("nothing is done by hand");
  }
  void* store() override { return nullptr; }
  void* store_to_change() override { return nullptr; }
  detail::change_recorder& recorder() override { throw std::logic_error{"there is no store"}; }
  void unrecorded_change() override { FAIL("there is no store"); }

private:
  record input_;
  std::string topic_;
};

record with_value(std::string_view value) {
  record result;
  result.value = value;
  return result;
}

/// Lets a route that takes `T` handle one record; what its handler got.
template <class T, class Codec>
std::optional<T> routed(Codec codec, std::string_view value, outcome expected = complete) {
  std::optional<T> got;
  auto route = detail::decoding<no_store, T>(std::move(codec), [&got](context<>&, T x) {
    got = std::move(x);
    return complete;
  });
  idle_turn turn;
  auto result = route(turn, with_value(value));
  CHECK(result.is_failed() == expected.is_failed());
  if (result.is_failed())
    CHECK(result.error() == expected.error());
  return got;
}

const outcome decode_error{caf::make_error(errc::decode_failed)};

} // namespace

TEST_CASE("optional_of gives back values and nothing") {
  optional_of<decimal<int>> codec;
  CHECK(codec.encode(42) == "42");
  CHECK(codec.encode(std::nullopt) == std::nullopt);
  CHECK(*codec.decode("42") == 42);
  CHECK(*codec.decode(std::string_view{}) == std::nullopt);
}

TEST_CASE("an empty value is not a null one") {
  CHECK(*optional_of<text>{}.decode("") == "");
  CHECK(optional_of<text>{}.encode("") == "");
}

TEST_CASE("optional_of passes a malformed value's error on") {
  auto decoded = optional_of<decimal<int>>{}.decode("x");
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error() == errc::decode_failed);
}

TEST_CASE("a handler of optional values gets a null value as nothing, whatever the codec") {
  CHECK(routed<std::optional<int>>(decimal<int>{}, {}).value() == std::nullopt);
  CHECK(routed<std::optional<int>>(decimal<int>{}, "5").value() == 5);
  CHECK(routed<std::optional<int>>(optional_of<decimal<int>>{}, {}).value() == std::nullopt);
  CHECK(routed<std::optional<int>>(json<int>{}, "5").value() == 5);
}

TEST_CASE("a handler of other values never sees a null value: it is a decoding error") {
  CHECK(routed<int>(decimal<int>{}, {}, decode_error) == std::nullopt);
  CHECK(routed<std::string>(text{}, {}, decode_error) == std::nullopt);
  CHECK(routed<std::string>(text{}, "") == "");
}

TEST_CASE("a malformed value is a decoding error for a handler of optional values, too") {
  CHECK_FALSE(routed<std::optional<int>>(decimal<int>{}, "x", decode_error).has_value());
}

TEST_CASE("a codec's empty error is no success: the value is a decoding error with a sentence") {
  struct silent {
    caf::expected<int> decode(std::string_view) const { return caf::error{}; }
  };
  CHECK(routed<int>(silent{}, "5", decode_error) == std::nullopt);
}
