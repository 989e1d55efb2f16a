// Codecs turn bytes into values and back. A codec for T has
//   caf::expected<T> decode(std::string_view bytes) const;   errors: errc::decode_failed with the
//                                                            reason
//   std::string encode(const T& value) const;                only where values are written
// Ready-made: `text`, `bytes`, `view`, and `optional_of<Codec>` for values that may be null here;
// integers in <keyloom/codec/integer.hpp>; opt-in, because they need a library,
// <keyloom/codec/json.hpp> and <keyloom/codec/protobuf.hpp>. Values only, any thread.
#pragma once

#include <keyloom/errc.hpp>

#include <caf/expected.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyloom {

/// What can decode a T.
template <class Codec, class T>
concept decoder_for = requires(const Codec& codec, std::string_view bytes) {
  { codec.decode(bytes) } -> std::convertible_to<caf::expected<T>>;
};

/// What can encode a T: as a std::string, or as a std::optional of one when values may be null.
template <class Codec, class T>
concept encoder_for = requires(const Codec& codec, const T& value) {
  { codec.encode(value) } -> std::convertible_to<std::optional<std::string>>;
};

template <class Codec, class T>
concept codec_for = decoder_for<Codec, T> && encoder_for<Codec, T>;

/// A decoder that is called for null values, too, with a view whose `data()` is null. Without
/// `takes_null` a null value is errc::decode_failed and the codec is not asked.
template <class Codec>
concept null_decoder = requires { requires Codec::takes_null; };

/// The bytes as a std::string; any bytes are fine.
struct text {
  caf::expected<std::string> decode(std::string_view bytes) const { return std::string{bytes}; }
  std::string encode(const std::string& value) const { return value; }
};

/// The bytes in place, without a copy: valid as long as the event.
struct view {
  caf::expected<std::string_view> decode(std::string_view bytes) const { return bytes; }
  std::string encode(std::string_view value) const { return std::string{value}; }
};

/// The bytes as std::vector<std::byte>.
struct bytes {
  caf::expected<std::vector<std::byte>> decode(std::string_view from) const {
    auto* first = reinterpret_cast<const std::byte*>(from.data());
    return std::vector<std::byte>(first, first + from.size());
  }
  std::string encode(const std::vector<std::byte>& value) const {
    return {reinterpret_cast<const char*>(value.data()), value.size()};
  }
};

/// std::optional over the values of another codec: std::nullopt is a null value in Kafka, a
/// tombstone on a compacted topic. A handler of std::optional<T> whose codec knows T only gets it
/// without being asked: source.on<std::optional<leg>>("leg", json<leg>{}, handler).
template <class Codec>
struct optional_of {
  static constexpr bool takes_null = true;

  using value_type
    = std::optional<typename decltype(std::declval<const Codec&>().decode({}))::value_type>;

  Codec codec = {};

  caf::expected<value_type> decode(std::string_view bytes) const {
    if (bytes.data() == nullptr)
      return value_type{};
    auto value = codec.decode(bytes);
    if (!value)
      return std::move(value.error());
    return value_type{std::move(*value)};
  }

  /// Goes into outgoing_record::value as it is.
  std::optional<std::string> encode(const value_type& value) const {
    if (!value)
      return std::nullopt;
    return codec.encode(*value);
  }
};

} // namespace keyloom
