// docs/configuration.md is checked against the code, and written from it:
//   KEYLOOM_WRITE_DOCS=1 build/dev/tests/unit_tests "docs/configuration.md*"
#include "actors/setting.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace keyloom;

namespace {

const std::string begin_mark = "<!-- settings table: begin -->\n";
const std::string end_mark = "<!-- settings table: end -->\n";

std::string path() {
  return std::string{KEYLOOM_SOURCE_DIR} + "/docs/configuration.md";
}

std::string cell(const std::string& text) {
  return " " + text + " |";
}

std::string code(const std::string& text) {
  return text.empty() ? "" : "`" + text + "`";
}

std::string rendered() {
  std::string result = "| setting | unit | default | range | while running | what it does |\n"
                       "|---|---|---|---|---|---|\n";
  for (const auto& each : actors::settings_table())
    result += "|" + cell(code(std::string{each.name})) + cell(actors::unit_of(each))
              + cell(code(actors::show(each, {}))) + cell(actors::range_of(each))
              + cell(each.while_running ? "yes" : "no") + cell(std::string{each.sentence}) + "\n";
  return result;
}

} // namespace

TEST_CASE("docs/configuration.md has the table of settings that the code has") {
  std::stringstream file;
  file << std::ifstream{path()}.rdbuf();
  auto text = file.str();
  auto begin = text.find(begin_mark);
  auto end = text.find(end_mark);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  begin += begin_mark.size();
  if (std::getenv("KEYLOOM_WRITE_DOCS") != nullptr)
    std::ofstream{path()} << text.replace(begin, end - begin, rendered());
  else
    CHECK(text.substr(begin, end - begin) == rendered());
}
