#include "runtime/log/logger.hpp"
#include "tests/fakes/captured_stderr.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>

using namespace keyloom::log;
using Catch::Matchers::Contains;

namespace {

std::string logged(const settings& how, const std::function<void(logger&)>& what) {
  return keyloom::test::captured_stderr([&] {
    logger out{how};
    what(out);
  });
}

} // namespace

TEST_CASE("a line as text has time, level, component and message") {
  auto text = logged(settings{}, [](logger& out) {
    out.info("of the source");
    out.warning(component::committer, "of the committer");
  });
  CHECK_THAT(text, Contains(" info keyloom: of the source\n")
                     && Contains(" warning keyloom.committer: of the committer\n"));
}

TEST_CASE("a line as JSON is one object a line, whatever bytes its message has") {
  settings how;
  how.shape = format::json;
  auto text = logged(how, [](logger& out) { out.error(component::http, "a \"b\"\n\xff %v"); });
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  auto line = nlohmann::json::parse(text);
  CHECK(line["level"] == "error");
  CHECK(line["component"] == "http");
  CHECK_THAT(line["message"].get<std::string>(), Contains("a \"b\"\n") && Contains("%v"));
  CHECK_THAT(line["time"].get<std::string>(), Contains("T"));
}

TEST_CASE("a component may have a level of its own") {
  settings how{level::warning};
  REQUIRE(parse_levels("kafka=debug,committer=error", how).empty());
  auto text = logged(how, [](logger& out) {
    out.info("too little");
    out.kafka(7, "talks");
    out.warning(component::committer, "not enough");
    out.error(component::committer, "enough");
  });
  CHECK_THAT(text, !Contains("too little") && !Contains("not enough") && Contains("enough")
                     && Contains("keyloom.kafka: librdkafka: talks"));
}

TEST_CASE("levels that cannot be read are told with what is allowed") {
  CHECK_THAT(wrong_levels("comitter=debug"), Contains("comitter") && Contains("committer"));
  CHECK_THAT(wrong_levels("kafka=loud"), Contains("loud") && Contains("COMPONENT=LEVEL"));
  CHECK_THAT(wrong_levels("kafka"), Contains("is no level"));
  CHECK(wrong_levels("").empty());
}
