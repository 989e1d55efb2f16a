#include "actors/config_file.hpp"

#include <keyloom/errc.hpp>

#include <caf/config_value.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;

namespace {

/// What a text says about `name`; empty when nothing.
std::string said(const std::string& text, caf::string_view name) {
  auto content = actors::parse_config(text);
  REQUIRE(content);
  const auto* value = caf::get_if(&*content, name);
  return value ? to_string(*value) : "";
}

} // namespace

TEST_CASE("a key with dots is short for groups, wherever it stands") {
  auto* text = GENERATE("a.b.c = 5", "a { b.c = 5 }", "a.b { c = 5 }", "a { b { c = 5 } }",
                        "a.b.c=5\n", "a {\n  x = 1, b.c = 5\n  y = 2\n}\n", "\"a.b.c\" = 5",
                        "a { x.y = 1\n b.c: 5 }", "a.b.d = 4\na.b.c = 5\na.b.e = 6",
                        "a { b { d = 1 } }, a.b.c = 5");
  INFO(text);
  CHECK(said(text, "a.b.c") == "5");
}

TEST_CASE("nothing around a key with dots is lost") {
  auto* text = "first = 1\na { before = 2, b.c = 3\n after = 4 }\nlast.one = 5\n";
  CHECK(said(text, "first") == "1");
  CHECK(said(text, "a.before") == "2");
  CHECK(said(text, "a.b.c") == "3");
  CHECK(said(text, "a.after") == "4");
  CHECK(said(text, "last.one") == "5");
}

TEST_CASE("dots in texts, numbers and comments are left alone") {
  auto* text
    = "# a.b = 1\nfile = \"x.y = 2 # no comment\"\nquote = \"\\\"a.b = 3\"\nhalf = 0.5\nlist = "
      "[\"a.b\", 1.5]\n";
  CHECK(said(text, "a.b").empty());
  CHECK(said(text, "file") == "x.y = 2 # no comment");
  CHECK(said(text, "quote") == "\"a.b = 3");
  CHECK(said(text, "half").find("0.5") == 0);
  CHECK(said(text, "list").find("a.b") != std::string::npos);
}

TEST_CASE("a later value counts, and groups grow together") {
  CHECK(said("a { b = 1, b = 2 }", "a.b") == "2");
  CHECK(said("a.b = 1\na { c = 3 }", "a.b") == "1");
}

TEST_CASE("merging keeps what the other has not, and replaces what it has") {
  auto into = *actors::parse_config("a { b = 1, c = 2 }, d = 3");
  actors::merge(*actors::parse_config("a { c = 4, e = 5 }"), into);
  CHECK(caf::get_or(into, "a.b", 0) == 1);
  CHECK(caf::get_or(into, "a.c", 0) == 4);
  CHECK(caf::get_or(into, "a.e", 0) == 5);
  CHECK(caf::get_or(into, "d", 0) == 3);
}

TEST_CASE("a text that cannot be read is an error that names the line") {
  auto* text = GENERATE("a = 1\n\nb = hello\n", "a = 1\n\n= 5\n");
  auto content = actors::parse_config(text);
  REQUIRE_FALSE(content);
  CHECK(content.error() == errc::bad_config);
  CHECK(describe(content.error()).find("line ") == 0);
  CHECK(describe(content.error()).find("line 1") == std::string::npos);
}

TEST_CASE("what is never closed is an error that names where it was opened") {
  auto [text, problem] = GENERATE(table<const char*, const char*>(
    {{"a = 1\nb {\n  c = 2\n", "line 2: this { is never closed"},
     {"a {\n  b = 1\n  c = [1, 2\n}\n", "line 1: this { is never closed"},
     {"a = 1\nb = \"x\n", "line 2: this \" is never closed"}}));
  auto content = actors::parse_config(text);
  REQUIRE_FALSE(content);
  CHECK(content.error() == errc::bad_config);
  CHECK(describe(content.error()) == problem);
}

TEST_CASE("a file that is not there is an error that names it") {
  auto content = actors::read_config_file("/nowhere/at-all.conf");
  REQUIRE_FALSE(content);
  CHECK(describe(content.error()) == "cannot read the configuration file /nowhere/at-all.conf");
}
