// A line on the terminal that says how far a sub-command has come, for whatever takes over two
// seconds. It is written to stderr, in place, and wiped in the end; when stderr is no terminal
// nothing is written at all. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace keyloom::tools {

/// 1234567 as "1,234,567".
std::string with_commas(uint64_t number);

class progress {
public:
  /// `what` is being done, e.g. "reading legs".
  explicit progress(std::string what);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// So many records are done, of `total`; 0 when nobody knows. Cheap, but reads the clock.
  void update(uint64_t done, uint64_t total = 0);

  /// Shows this instead of records for now.
  void say(const std::string& text);

  /// Wipes the line, so that other text can be written.
  void finish();

private:
  using clock = std::chrono::steady_clock;

  bool due();

  std::string what_;
  bool on_terminal_;
  bool shown_ = false;
  clock::time_point started_ = clock::now();
  clock::time_point next_;
};

} // namespace keyloom::tools
