// Integers as keys and values of records: `big_endian` where their bytes must sort as the numbers
// do, `java_integer` where Java programs read them, `decimal` where people do. Values only, any
// thread.
#pragma once

#include <keyloom/codec.hpp>

#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>
#include <type_traits>

namespace keyloom {

/// An integer that counts: neither bool nor a character.
template <class T>
concept counting = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>
                   && !std::same_as<T, wchar_t> && !std::same_as<T, char8_t>
                   && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

namespace detail {

template <counting T>
std::string most_significant_first(T value) {
  auto rest = static_cast<std::make_unsigned_t<T>>(value);
  std::string result(sizeof(T), '\0');
  for (auto i = sizeof(T); i-- > 0; rest = static_cast<decltype(rest)>(rest >> 8))
    result[i] = static_cast<char>(rest & 0xff);
  return result;
}

template <counting T>
caf::expected<T> from_most_significant_first(std::string_view bytes) {
  if (bytes.size() != sizeof(T))
    return caf::make_error(errc::decode_failed, "not an integer of " + std::to_string(sizeof(T))
                                                  + " bytes: there are "
                                                  + std::to_string(bytes.size()));
  std::make_unsigned_t<T> result = 0;
  for (unsigned char byte : bytes)
    result = static_cast<decltype(result)>(result << 8 | byte);
  return static_cast<T>(result);
}

} // namespace detail

/// sizeof(T) bytes that sort as the numbers do, negative ones first: the most significant byte
/// comes first, and the sign of signed types is turned round (-1 is 7f ff ff ff, 0 is 80 00 00 00).
template <counting T>
struct big_endian {
  static constexpr T sign = std::is_signed_v<T> ? std::numeric_limits<T>::min() : T{0};

  caf::expected<T> decode(std::string_view bytes) const {
    auto value = detail::from_most_significant_first<T>(bytes);
    if (value)
      *value = static_cast<T>(*value ^ sign);
    return value;
  }
  std::string encode(T value) const {
    return detail::most_significant_first(static_cast<T>(value ^ sign));
  }
};

/// sizeof(T) bytes in two's complement, the most significant first, as Kafka's ShortSerializer,
/// IntegerSerializer and LongSerializer write them. Their bytes put negative numbers last.
template <counting T>
struct java_integer {
  caf::expected<T> decode(std::string_view bytes) const {
    return detail::from_most_significant_first<T>(bytes);
  }
  std::string encode(T value) const { return detail::most_significant_first(value); }
};

/// The digits of the number as text, with a minus sign for negative ones and nothing else around.
template <counting T>
struct decimal {
  caf::expected<T> decode(std::string_view bytes) const {
    T result = 0;
    auto* last = bytes.data() + bytes.size();
    auto [end, problem] = std::from_chars(bytes.data(), last, result);
    if (problem == std::errc{} && end == last)
      return result;
    constexpr size_t shown = 40;
    return caf::make_error(errc::decode_failed,
                           "not an integer from " + std::to_string(std::numeric_limits<T>::min())
                             + " to " + std::to_string(std::numeric_limits<T>::max()) + ": '"
                             + std::string{bytes.substr(0, shown)} + "'");
  }
  std::string encode(T value) const { return std::to_string(value); }
};

} // namespace keyloom
