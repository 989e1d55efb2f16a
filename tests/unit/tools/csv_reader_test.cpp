// CSV as it is found in files, whatever pieces it arrives in.
#include "tools/csv_reader.hpp"

#include <keyloom/errc.hpp>

#include <catch2/catch.hpp>

using namespace keyloom::tools;
using keyloom::describe;
using keyloom::errc;

namespace {

using row = std::vector<std::string>;

/// Hands a text out in pieces of the same size.
class pieces : public text_source {
public:
  pieces(std::string text, size_t size) : text_(std::move(text)), size_(size) {}

  caf::expected<std::string_view> next_piece() override {
    piece_ = text_.substr(at_, size_); // the one before is overwritten, as a file's buffer is
    at_ += piece_.size();
    return std::string_view{piece_};
  }

private:
  std::string text_;
  std::string piece_;
  size_t size_;
  size_t at_ = 0;
};

struct reading {
  std::vector<row> rows;
  std::vector<uint64_t> lines;
  caf::error problem;
};

reading read(const std::string& text, size_t piece = 1000) {
  pieces source{text, piece};
  csv_reader reader{source};
  reading result;
  for (row cells;;) {
    auto more = reader.next(cells);
    if (!more) {
      result.problem = more.error();
      return result;
    }
    if (!*more)
      return result;
    result.rows.push_back(cells);
    result.lines.push_back(reader.line());
  }
}

/// The rows, which must not depend on where the text is cut into pieces.
std::vector<row> rows_of(const std::string& text) {
  auto whole = read(text);
  INFO(describe(whole.problem));
  CHECK_FALSE(whole.problem);
  for (size_t piece = 1; piece < 4; ++piece)
    CHECK(read(text, piece).rows == whole.rows);
  return whole.rows;
}

} // namespace

TEST_CASE("cells are separated by commas and rows by line breaks") {
  CHECK(rows_of("a,b\n1,2\n3,4") == std::vector<row>{{"a", "b"}, {"1", "2"}, {"3", "4"}});
}

TEST_CASE("a line break at the end of the text adds no row") {
  CHECK(rows_of("a,b\n1,2\n") == std::vector<row>{{"a", "b"}, {"1", "2"}});
  CHECK(rows_of("a,b\r\n1,2\r\n") == std::vector<row>{{"a", "b"}, {"1", "2"}});
  CHECK(rows_of("a,b\r\n1,2\r") == std::vector<row>{{"a", "b"}, {"1", "2"}});
}

TEST_CASE("empty cells are cells, at the end of a row and of the text, too") {
  CHECK(rows_of(",,\n,x,\n\"\",,") == std::vector<row>{{"", "", ""}, {"", "x", ""}, {"", "", ""}});
}

TEST_CASE("quoted cells hold commas, quotes and line breaks") {
  CHECK(rows_of("\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\r\n1,\"\",\"\"\"\"")
        == std::vector<row>{{"a,b", "say \"hi\"", "two\r\nlines"}, {"1", "", "\""}});
}

TEST_CASE("a quote inside of an unquoted cell is a character like any other") {
  CHECK(rows_of("5\" pipe,b\n") == std::vector<row>{{"5\" pipe", "b"}});
}

TEST_CASE("a carriage return without a line feed belongs to its cell") {
  CHECK(rows_of("a\rb,\rc\n\r\r\nx") == std::vector<row>{{"a\rb", "\rc"}, {"\r"}, {"x"}});
}

TEST_CASE("blank lines are no rows") {
  CHECK(rows_of("\n\r\na,b\n\n\r\n1,2\n\n") == std::vector<row>{{"a", "b"}, {"1", "2"}});
  CHECK(rows_of("").empty());
  CHECK(rows_of("\n\n").empty());
}

TEST_CASE("a byte order mark is skipped, and nothing that only begins like one") {
  CHECK(rows_of("\xEF\xBB\xBF\"a\",b\n") == std::vector<row>{{"a", "b"}});
  CHECK(rows_of("\xEF\xAC\x81,b\n") == std::vector<row>{{"\xEF\xAC\x81", "b"}});
  CHECK(rows_of("\xEF\xBB\xBF").empty());
}

TEST_CASE("rows know the line they begin on") {
  auto result = read("a\n\"1\n2\"\n\n3\n");
  CHECK(result.lines == std::vector<uint64_t>{1, 2, 5});
}

TEST_CASE("a quote that is never closed is an error that names its line") {
  auto result = read("a,b\n1,\"two\nthree\n");
  CHECK(result.problem == errc::decode_failed);
  CHECK(describe(result.problem).find("line 2") != std::string::npos);
}

TEST_CASE("text after a closing quote is an error") {
  CHECK(read("a\n\"b\"c\n").problem == errc::decode_failed);
}
