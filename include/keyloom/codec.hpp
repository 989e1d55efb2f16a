// Codecs turn bytes into values and back. A codec for T has
//   caf::expected<T> decode(std::string_view bytes) const;   errors: errc::decode_failed with the
//   reason std::string encode(const T& value) const;
// Ready-made: `text`, `bytes`, `view` here, `json<T>` in <keyloom/codec/json.hpp>. Values only, any
// thread.
#pragma once

#include <keyloom/errc.hpp>

#include <caf/expected.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keyloom {

template <class Codec, class T>
concept codec_for = requires(const Codec& codec, std::string_view bytes, const T& value) {
  { codec.decode(bytes) } -> std::convertible_to<caf::expected<T>>;
};

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

} // namespace keyloom
