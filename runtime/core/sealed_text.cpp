#include "runtime/core/sealed_text.hpp"

#include <zlib.h>

#include <array>

namespace keyloom::core {

namespace {

constexpr std::string_view alphabet
  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t no_digit = 64;

constexpr auto digits = [] {
  std::array<uint8_t, 256> result{};
  result.fill(no_digit);
  for (size_t i = 0; i < alphabet.size(); ++i)
    result[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  return result;
}();

/// `size` bytes, the lowest first.
std::string little_endian(uint64_t value, size_t size) {
  std::string result;
  for (size_t i = 0; i < size; ++i)
    result += static_cast<char>(value >> (8 * i) & 0xff);
  return result;
}

std::string checksum(std::string_view bytes, int64_t number) {
  auto add = [](uLong crc, std::string_view part) {
    return crc32_z(crc, reinterpret_cast<const Bytef*>(part.data()), part.size());
  };
  auto crc = add(0, little_endian(static_cast<uint64_t>(number), sizeof number));
  return little_endian(add(crc, bytes), 4);
}

std::string to_base64(std::string_view bytes) {
  std::string result;
  result.reserve((bytes.size() * 4 + 2) / 3);
  uint32_t bits = 0;
  auto count = 0;
  for (auto byte : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(byte);
    for (count += 8; count >= 6; count -= 6)
      result += alphabet[bits >> (count - 6) & 63];
  }
  if (count > 0)
    result += alphabet[bits << (6 - count) & 63];
  return result;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string result;
  result.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  auto count = 0;
  for (auto each : text) {
    auto digit = digits[static_cast<uint8_t>(each)];
    if (digit == no_digit)
      return std::nullopt;
    bits = bits << 6 | digit;
    count += 6;
    if (count >= 8) {
      count -= 8;
      result += static_cast<char>(bits >> count & 0xff);
    }
  }
  // What is left of the last digit must be nothing, or several texts would mean the same.
  if (count >= 6 || (bits & ((1U << count) - 1)) != 0)
    return std::nullopt;
  return result;
}

} // namespace

std::string seal(std::string_view bytes, int64_t number) {
  return to_base64(checksum(bytes, number) + std::string{bytes});
}

std::optional<std::string> unseal(std::string_view text, int64_t number) {
  auto found = from_base64(text);
  if (!found || found->size() < 4)
    return std::nullopt;
  auto bytes = found->substr(4);
  if (found->substr(0, 4) != checksum(bytes, number))
    return std::nullopt;
  return bytes;
}

} // namespace keyloom::core
