// Bytes as printable text that shows when it was damaged, or stands beside another number than the
// one it was made for: base64 (RFC 4648, the alphabet for URLs, without padding) of a CRC-32 over
// the number and the bytes, and the bytes. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyloom::core {

/// `bytes` as text that belongs to `number`: 4 characters for 3 bytes, and 4 bytes more than it
/// got.
std::string seal(std::string_view bytes, int64_t number);

/// The bytes of a text that `seal` made for the same number; nothing for any other text.
std::optional<std::string> unseal(std::string_view text, int64_t number);

/// How many bytes fit into a sealed text of so many characters.
constexpr size_t sealed_room(size_t characters) {
  auto bytes = characters / 4 * 3 + (characters % 4 < 2 ? 0 : characters % 4 - 1);
  return bytes < 4 ? 0 : bytes - 4;
}

} // namespace keyloom::core
