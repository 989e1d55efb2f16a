#include "runtime/core/shown_key.hpp"

#include <algorithm>

namespace keyloom::core {

namespace {

/// How many bytes the character of UTF-8 has that text begins with; 0: it begins with none.
size_t utf8_length(std::string_view text) {
  auto at = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto first = at(0);
  if (first < 0x80)
    return 1;
  if (first < 0xc2 || first > 0xf4)
    return 0;
  size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < length)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((at(i) & 0xc0) != 0x80)
      return 0;
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  auto second = at(1);
  auto outside = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)
                 || (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return outside ? 0 : length;
}

/// Whether a terminal may get the character that text begins with: no control character of ASCII
/// or of Latin-1 (U+0080 to U+009F).
bool printable(std::string_view text) {
  auto first = static_cast<unsigned char>(text[0]);
  if (first == 0xc2)
    return static_cast<unsigned char>(text[1]) >= 0xa0;
  return first >= ' ' && first != 0x7f;
}

} // namespace

std::string shown_key(std::string_view key) {
  constexpr size_t most = 100;
  std::string result = "'";
  size_t at = 0;
  while (at < key.size()) {
    auto rest = key.substr(at);
    auto length = utf8_length(rest);
    auto plain = length > 0 && printable(rest);
    auto taken = std::max<size_t>(length, 1);
    if (at + taken > most)
      break;
    for (unsigned char x : rest.substr(0, taken))
      if (plain)
        result += static_cast<char>(x);
      else
        result += {'\\', 'x', "0123456789abcdef"[x >> 4], "0123456789abcdef"[x & 15]};
    at += taken;
  }
  result += '\'';
  return at == key.size() ? result : result + "... (" + std::to_string(key.size()) + " bytes)";
}

} // namespace keyloom::core
