#include "tools/csv_reader.hpp"

#include <keyloom/errc.hpp>

namespace keyloom::tools {

caf::expected<bool> csv_reader::next(std::vector<std::string>& cells) {
  auto no_mark = started_ ? std::string{} : skip_byte_order_mark();
  started_ = true;
  while (no_mark.empty() && skip_line_break()) {
    // a blank line
  }
  row_line_ = line_;
  if (peek() == no_more && no_mark.empty())
    return error_ ? caf::expected<bool>{error_} : caf::expected<bool>{false};
  size_t used = 0;
  for (auto end = ending::cell; end == ending::cell; ++used) {
    if (cells.size() == used)
      cells.emplace_back();
    cells[used].clear();
    end = read_cell(cells[used]);
  }
  cells.resize(used);
  cells.front().insert(0, no_mark);
  if (error_)
    return error_;
  return true;
}

csv_reader::ending csv_reader::read_cell(std::string& into) {
  if (peek() == '"')
    return read_quoted(into);
  for (;;) {
    if (skip_line_break())
      return ending::line;
    auto c = take();
    if (c == no_more)
      return ending::text;
    if (c == ',')
      return ending::cell;
    into += static_cast<char>(c);
  }
}

csv_reader::ending csv_reader::read_quoted(std::string& into) {
  auto began = line_;
  take();
  for (;;) {
    auto c = take();
    if (c == no_more)
      return give_up("the quote that opens on line " + std::to_string(began) + " is never closed");
    if (c == '"') {
      auto doubled = false;
      auto end = end_quoted(doubled);
      if (!doubled)
        return end;
    }
    line_ += c == '\n' ? 1 : 0;
    into += static_cast<char>(c);
  }
}

// Behind a quote inside of a quoted cell.
csv_reader::ending csv_reader::end_quoted(bool& doubled) {
  if (skip_line_break())
    return ending::line;
  switch (take()) {
    case '"':
      doubled = true;
      return ending::cell;
    case ',':
      return ending::cell;
    case no_more:
      return ending::text;
    default:
      return give_up("line " + std::to_string(line_)
                     + ": after a closing quote comes neither a comma nor the line's end");
  }
}

// CR counts only together with LF, or as the very last character; elsewhere it belongs to the cell.
bool csv_reader::skip_line_break() {
  // A CR that was put back is known to be no line break.
  auto c = put_back_ == no_more ? peek() : no_more;
  if (c != '\n' && c != '\r')
    return false;
  take();
  if (c == '\r' && peek() != '\n' && peek() != no_more) {
    put_back_ = c;
    return false;
  }
  if (c == '\r')
    take();
  ++line_;
  return true;
}

// The beginning of some other character, taken by mistake, is returned.
std::string csv_reader::skip_byte_order_mark() {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  std::string taken;
  while (taken.size() < mark.size() && peek() == static_cast<unsigned char>(mark[taken.size()]))
    taken += static_cast<char>(take());
  return taken == mark ? std::string{} : taken;
}

int csv_reader::peek() {
  if (put_back_ != no_more)
    return put_back_;
  if (piece_.empty() && !at_end_) {
    auto next = from_.next_piece();
    if (next)
      piece_ = *next;
    else
      error_ = std::move(next.error());
    at_end_ = piece_.empty();
  }
  return piece_.empty() ? no_more : static_cast<unsigned char>(piece_.front());
}

int csv_reader::take() {
  auto result = peek();
  if (put_back_ != no_more)
    put_back_ = no_more;
  else if (!piece_.empty())
    piece_.remove_prefix(1);
  return result;
}

csv_reader::ending csv_reader::give_up(const std::string& why) {
  // A file that cannot be read on looks like a quote that is never closed.
  if (!error_)
    error_ = caf::make_error(errc::decode_failed, why);
  return ending::text;
}

} // namespace keyloom::tools
