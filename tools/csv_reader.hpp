// Rows of a CSV text as RFC 4180 describes it: commas, cells in double quotes that may hold commas,
// line breaks and doubled quotes, lines that end in LF or CRLF. What the RFC leaves open: a byte
// order mark is skipped, a blank line is no row, a quote inside an unquoted cell is a character
// like any other. One thread; reads its source once.
#pragma once

#include "tools/text_source.hpp"

#include <vector>

namespace keyloom::tools {

class csv_reader {
public:
  /// `from` must outlive the reader.
  explicit csv_reader(text_source& from) : from_(from) {}

  /// Reads the next row into `cells`; false at the end of the text. errc::decode_failed names the
  /// line where the text is not CSV.
  caf::expected<bool> next(std::vector<std::string>& cells);

  /// The line on which the last row began, from 1.
  uint64_t line() const { return row_line_; }

private:
  enum class ending { cell, line, text };

  static constexpr int no_more = -1;

  ending read_cell(std::string& into);
  ending read_quoted(std::string& into);
  ending end_quoted(bool& doubled);
  bool skip_line_break();
  std::string skip_byte_order_mark();

  int peek();
  int take();
  ending give_up(const std::string& why);

  text_source& from_;
  std::string_view piece_;
  int put_back_ = no_more; ///< a character that goes before `piece_`
  bool at_end_ = false;
  bool started_ = false;
  uint64_t line_ = 1;
  uint64_t row_line_ = 1;
  caf::error error_;
};

} // namespace keyloom::tools
