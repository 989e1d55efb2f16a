#include "tools/record_identity.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <functional>
#include <string>

namespace keyloom::tools {

namespace {

constexpr uint64_t null_value = 0x6e756c6c;

// The finalizer of MurmurHash3: spreads counters over all bits.
uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

/// Reads an object's fields one after the other. Every function tells by false that the text is not
/// what it expects.
class field_scanner {
public:
  explicit field_scanner(std::string_view text) : pos_(text.data()), end_(pos_ + text.size()) {}

  bool take(char expected) {
    skip_spaces();
    if (pos_ == end_ || *pos_ != expected)
      return false;
    ++pos_;
    return true;
  }

  bool at_end() {
    skip_spaces();
    return pos_ == end_;
  }

  bool take_string(std::string_view& into) {
    if (!take('"'))
      return false;
    const auto* first = pos_;
    for (; pos_ != end_; ++pos_) {
      if (*pos_ == '"') {
        into = {first, static_cast<size_t>(pos_ - first)};
        ++pos_;
        return true;
      }
      if (*pos_ == '\\' && ++pos_ == end_)
        return false;
    }
    return false;
  }

  /// Takes a value of any type; `integer` is set when it is one.
  bool take_value(std::optional<int64_t>& integer) {
    integer.reset();
    skip_spaces();
    if (pos_ == end_)
      return false;
    std::string_view ignored;
    if (*pos_ == '"')
      return take_string(ignored);
    if (*pos_ == '{' || *pos_ == '[')
      return skip_nested();
    const auto* first = pos_;
    while (pos_ != end_ && *pos_ != ',' && *pos_ != '}' && !is_space(*pos_))
      ++pos_;
    int64_t number = 0;
    if (auto [stop, err] = std::from_chars(first, pos_, number); err == std::errc{} && stop == pos_)
      integer = number;
    return pos_ != first;
  }

private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

  void skip_spaces() {
    while (pos_ != end_ && is_space(*pos_))
      ++pos_;
  }

  bool skip_nested() {
    size_t depth = 0;
    std::string_view ignored;
    while (pos_ != end_) {
      if (*pos_ == '"') {
        if (!take_string(ignored))
          return false;
        continue;
      }
      if (*pos_ == '{' || *pos_ == '[')
        ++depth;
      else if (*pos_ == '}' || *pos_ == ']')
        --depth;
      ++pos_;
      if (depth == 0)
        return true;
    }
    return false;
  }

  const char* pos_;
  const char* end_;
};

uint64_t fingerprint_of_bytes(std::string_view bytes) {
  return std::hash<std::string_view>{}(bytes);
}

// Parsed and written again, so that the order of fields and spaces do not count.
uint64_t fingerprint_of_object(std::string_view value) {
  auto parsed = nlohmann::json::parse(value.begin(), value.end(), nullptr, false);
  if (!parsed.is_object())
    return fingerprint_of_bytes(value);
  parsed.erase("d");
  parsed.erase("c");
  return fingerprint_of_bytes(
    parsed.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

bool may_be_object(std::string_view value) {
  auto first = value.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && value[first] == '{';
}

} // namespace

std::optional<load_counters> find_load_counters(std::string_view value) {
  field_scanner scan{value};
  if (!scan.take('{') || scan.take('}'))
    return std::nullopt;
  std::optional<int64_t> n;
  std::optional<int64_t> i;
  do {
    std::string_view name;
    std::optional<int64_t> integer;
    if (!scan.take_string(name) || !scan.take(':') || !scan.take_value(integer))
      return std::nullopt;
    if (name == "n")
      n = integer;
    else if (name == "i")
      i = integer;
  } while (scan.take(','));
  if (!scan.take('}') || !scan.at_end() || !n || !i)
    return std::nullopt;
  return load_counters{*n, *i};
}

uint64_t fingerprint_of(std::string_view value) {
  if (value.data() == nullptr)
    return null_value;
  if (!may_be_object(value))
    return fingerprint_of_bytes(value);
  if (auto counters = find_load_counters(value))
    return mix(mix(static_cast<uint64_t>(counters->n)) + static_cast<uint64_t>(counters->i));
  return fingerprint_of_object(value);
}

uint64_t fingerprint_of_key(std::string_view key) {
  return fingerprint_of_bytes(key);
}

} // namespace keyloom::tools
