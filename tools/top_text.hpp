// Numbers, times and columns as `keyloom top` and `keyloom inspect` write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace keyloom::tools {

/// "320 ms", "4.2 s", "42 s", "3 min 5 s", "2 h 1 min".
std::string shown_time(std::chrono::milliseconds time);

/// "12.3 MiB".
std::string shown_bytes(uint64_t bytes);

/// With commas; "?" for what is not known (negative).
std::string shown_number(int64_t number);

/// A cell of a table: how wide its column is, right-aligned unless `left`.
struct cell {
  std::string text;
  size_t width;
  bool left = false;
};

/// The cells beside each other, with two blanks between them; a text that is too long is not cut.
std::string table_line(const std::vector<cell>& cells);

} // namespace keyloom::tools
