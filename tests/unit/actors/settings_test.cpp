#include "actors/settings.hpp"

#include "actors/config_file.hpp"
#include "actors/setting.hpp"

#include <keyloom/errc.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace keyloom;
using namespace std::chrono_literals;

namespace {

caf::settings parsed(const std::string& file) {
  auto content = actors::parse_config(file);
  REQUIRE(content);
  return std::move(*content);
}

/// What reading this configuration file says, empty when all is well.
std::string problem_of(const std::string& file, source_config& into) {
  auto err = actors::read_settings(parsed(file), into);
  CHECK((!err || err == errc::bad_config));
  return err ? describe(err) : "";
}

std::string problem_of(const std::string& file) {
  source_config unused;
  return problem_of(file, unused);
}

source_config usable() {
  return {.group = "g", .topic = "t"};
}

} // namespace

TEST_CASE("a configuration file wins over code, and what it leaves out stays") {
  auto cfg = usable();
  cfg.credit = 7;
  cfg.window = 8;
  auto problem = problem_of(R"(
    keyloom {
      brokers = "a:1,b:2"
      output-order = "by_event"
      key-turns = "serial"
      on-error = "stop_source"
      credit = 9
      skip-headers = true
      chain { limit = 3, time = 2s }
      commit.interval = 50ms
      drain { deadline = 0ms }
      stop.deadline = 1min
      connect.timeout = 5s
      log.level = "debug"
    })",
                            cfg);
  CHECK(problem.empty());
  CHECK(cfg.group == "g");
  CHECK(cfg.brokers == "a:1,b:2");
  CHECK(cfg.output_order == output_order::by_event);
  CHECK(cfg.key_turns == key_turns::serial);
  CHECK(cfg.on_error == failure_action::stop_source);
  CHECK(cfg.credit == 9);
  CHECK(cfg.window == 8);
  CHECK(cfg.skip_headers);
  CHECK(cfg.chain_limit == 3);
  CHECK(cfg.chain_time == 2s);
  CHECK(cfg.commit_interval == 50ms);
  CHECK(cfg.drain_deadline == 0ms);
  CHECK(cfg.stop_deadline == 1min);
  CHECK(cfg.connect_timeout == 5s);
}

TEST_CASE("the failure policy is set in a file, and what is wrong with it is said") {
  auto cfg = usable();
  cfg.retry.jitter = 5;
  cfg.on_unreadable = failure_action::stop_partition;
  auto problem = problem_of(R"(
    keyloom {
      on-error = "dead_letter"
      on-unreadable = "skip"
      dead-letter-topic = "dead"
      retry { times = 3, total = 1min, backoff = 0ms, factor = 5, max-backoff = 2s }
    })",
                            cfg);
  CHECK(problem.empty());
  CHECK(cfg.on_error == failure_action::dead_letter);
  CHECK(cfg.on_unreadable == failure_action::skip);
  CHECK(cfg.dead_letter_topic == "dead");
  CHECK(cfg.retry.times == 3);
  CHECK(cfg.retry.total == 1min);
  CHECK(cfg.retry.backoff == 0ms);
  CHECK(cfg.retry.factor == 5);
  CHECK(cfg.retry.max_backoff == 2s);
  CHECK(cfg.retry.jitter == 5);
  CHECK(problem_of("keyloom { on-unreadable = \"as_on_error\" }", cfg).empty());
  CHECK_FALSE(cfg.on_unreadable);
  CHECK(problem_of("keyloom { retry.jitter = 101 }")
        == "keyloom.retry.jitter: 101 is out of range: 0 to 100; the nearest is 100");
  CHECK(problem_of("keyloom { retry.factor = 0 }")
        == "keyloom.retry.factor: 0 is out of range: 1 to 1000; the nearest is 1");
}

TEST_CASE("whatever the configuration says about topics replaces what code says about them") {
  auto* given = GENERATE("topic = \"b\"", "topics = [\"b\", \"c\"]", "pattern = \"^b\"");
  source_config cfg{.group = "g", .topics = {"a", "z"}};
  CHECK(problem_of(std::string{"keyloom { "} + given + ", budget = \"64MiB\" }", cfg).empty());
  CHECK_FALSE(actors::check_settings(cfg));
  CHECK(cfg.topics != std::vector<std::string>{"a", "z"});
  CHECK(cfg.budget == 64 << 20);
}

TEST_CASE("properties of librdkafka are passed on, with dots or as groups") {
  auto cfg = usable();
  CHECK(problem_of(
          R"(keyloom { kafka { security.protocol = "SSL", fetch { wait { max.ms = 10 } } } })", cfg)
          .empty());
  CHECK(cfg.kafka
        == std::map<std::string, std::string>{{"security.protocol", "SSL"},
                                              {"fetch.wait.max.ms", "10"}});
  CHECK(problem_of("keyloom { kafka = 5 }")
        == "keyloom.kafka: '5' is no list of properties; give them as {name = \"value\", other = "
           "\"value\"}");
}

TEST_CASE("a key that is no setting is an error that names the nearest setting") {
  auto [file, wrong, nearest] = GENERATE(table<const char*, const char*, const char*>(
    {{"keyloom { kredit = 5 }", "kredit", "credit"},
     {"keyloom { commit { intervall = 5ms } }", "commit.intervall", "commit.interval"},
     {"keyloom { commit-interval = 5ms }", "commit-interval", "commit.interval"},
     {"keyloom { comit.interval = 5ms }", "comit", "commit.interval"},
     {"keyloom { commit = 5ms }", "commit", "commit.interval"},
     {"keyloom { credit { x = 1 }, credit.y = 1 }", "", ""},
     {"keyloom { on_error = \"skip\" }", "on_error", "on-error"},
     {"keyloom { stop { deadlines { x = 1 } } }", "stop.deadlines", "stop.deadline"},
     {"keyloom { topik = \"t\" }", "topik", "topic"}}));
  auto problem = problem_of(file);
  if (*wrong == 0) // a group where a value belongs
    CHECK(problem.find("keyloom.credit: ") == 0);
  else
    CHECK(problem
          == std::string{"keyloom."} + wrong + " is no setting; the nearest is keyloom." + nearest
               + " (docs/configuration.md lists them all)");
}

TEST_CASE("what is not below keyloom is not keyloom's business") {
  CHECK(problem_of("caf { scheduler { max-threads = 2 } }, mine { kredit = 5 }").empty());
  CHECK(problem_of("keyloom = 5") == "keyloom = 5 is no group of settings; write keyloom { ... }");
  CHECK(problem_of("keylom { group = \"g\" }")
        == "'keylom' is no group of settings; the nearest is keyloom { ... }");
  CHECK(problem_of("keylime { group = \"g\" }, caf { x = 1 }, mine { y = 2 }").empty());
}

TEST_CASE("a value of a wrong type, unit or range is an error that says what is right") {
  auto [setting, problem] = GENERATE(table<const char*, const char*>(
    {{"credit = 0", "keyloom.credit: 0 is out of range: 1 to 10000000; the nearest is 1"},
     {"credit = 99999999999",
      "keyloom.credit: 99999999999 is out of range: 1 to 10000000; the nearest is 10000000"},
     {"credit = -1", "keyloom.credit: -1 is out of range: 1 to 10000000; the nearest is 1"},
     {"credit = 1.5", "keyloom.credit: '1.5' is not a whole number of records; give 1 to 10000000"},
     {"credit = \"many\"",
      "keyloom.credit: 'many' is not a whole number of records; give 1 to 10000000"},
     {"credit = 5ms", "keyloom.credit: '5ms' is not a whole number of records; give 1 to 10000000"},
     {"credit = true",
      "keyloom.credit: 'true' is not a whole number of records; give 1 to 10000000"},
     {"window = 4294967296",
      "keyloom.window: 4294967296 is out of range: 1 to 4294967295; the nearest is 4294967295"},
     {"commit.interval = 50",
      "keyloom.commit.interval: '50' has no unit; give 1ms to 1h, such as 50ms"},
     {"commit.interval = 0s",
      "keyloom.commit.interval: 0ms is out of range: 1ms to 1h; the nearest is 1ms"},
     {"commit.interval = 2h",
      "keyloom.commit.interval: 2h is out of range: 1ms to 1h; the nearest is 1h"},
     {"commit.interval = -5ms",
      "keyloom.commit.interval: -5ms is out of range: 1ms to 1h; the nearest is 1ms"},
     {"commit.interval = 1500us",
      "keyloom.commit.interval: '1500us' is not a whole number of ms; give 1ms to 1h"},
     {"commit.interval = \"soon\"",
      "keyloom.commit.interval: 'soon' is not a time with its unit (ms, s, min, h), such as 100ms; "
      "give 1ms to 1h"},
     {"on-error = \"skp\"", "keyloom.on-error: 'skp' is not one of stop, stop_source, skip, "
                            "dead_letter; the nearest is skip"},
     {"budget = \"64M\"", "keyloom.budget: '64M' is not an amount of bytes, such as 64KiB, 256MiB "
                          "or 1GiB; give 64KiB to 1024GiB"},
     {"budget = 5", "keyloom.budget: 5B is out of range: 64KiB to 1024GiB; the nearest is 64KiB"},
     {"topics = [\"a\", \"\"]",
      "keyloom.topics: 'a,' has an empty element; give texts with a comma between them"},
     {"skip-headers = \"yes\"", "keyloom.skip-headers: 'yes' is not a flag; give true or false"},
     {"skip-headers = 1", "keyloom.skip-headers: '1' is not a flag; give true or false"},
     {"output-order = \"by_keys\"", "keyloom.output-order: 'by_keys' is not one of by_key, "
                                    "by_event, none; the nearest is by_key"},
     {"log.level = \"warn\"",
      "keyloom.log.level: 'warn' is not one of debug, info, warning, error, off; the nearest is "
      "warning"},
     {"group { x = 1 }", "keyloom.group: '{x = 1}' is not one text; give \"...\""},
     {"group = [\"a\"]", "keyloom.group: '[\"a\"]' is not one text; give \"...\""},
     {"group = \"\"", "keyloom.group: is not set; give the consumer group's name, in code or in "
                      "the configuration"}}));
  CHECK(problem_of(std::string{"keyloom { "} + setting + " }") == problem);
}

TEST_CASE("settings that code made unusable are found, too") {
  CHECK_FALSE(actors::check_settings(usable()));
  auto problem = [](auto change) {
    auto cfg = usable();
    change(cfg);
    auto err = actors::check_settings(cfg);
    CHECK(err == errc::bad_config);
    return describe(err);
  };
  CHECK(problem([](source_config& cfg) { cfg.topic = ""; })
        == "keyloom.topic is not set; give the topic's name, in code or with --keyloom.topic, or "
           "several with keyloom.topics, or keyloom.pattern");
  CHECK(problem([](source_config& cfg) { cfg.topics = {"a"}; })
        == "keyloom.topic: exactly one of topic, topics and pattern can be set");
  CHECK(problem([](source_config& cfg) {
          cfg.topic = "";
          cfg.pattern = "a.*";
        })
        == "keyloom.pattern: 'a.*' does not begin with ^, as patterns must; the nearest is '^a.*'");
  CHECK(problem([](source_config& cfg) { cfg.credit = 0; })
        == "keyloom.credit: 0 is out of range: 1 to 10000000; the nearest is 1");
  CHECK(problem([](source_config& cfg) { cfg.commit_interval = 0ms; })
        == "keyloom.commit.interval: 0ms is out of range: 1ms to 1h; the nearest is 1ms");
  CHECK(problem([](source_config& cfg) { cfg.stop_deadline = 25h; })
        == "keyloom.stop.deadline: 25h is out of range: 0ms to 24h; the nearest is 24h");
  CHECK(problem([](source_config& cfg) {
          cfg.on_error = static_cast<failure_action>(9);
        }).find("keyloom.on-error: '9' is not one of stop")
        == 0);
}

TEST_CASE("every setting has a name of its own, a sentence, a unit and a range") {
  std::set<std::string_view> names;
  std::set<char> letters;
  for (const auto& each : actors::settings_table()) {
    INFO(each.name);
    CHECK(names.insert(each.name).second);
    CHECK((each.short_name == 0 || letters.insert(each.short_name).second));
    CHECK(each.sentence.ends_with("."));
    CHECK_FALSE(actors::unit_of(each).empty());
    CHECK_FALSE(actors::range_of(each).empty());
  }
}

TEST_CASE("every default is a value that can be read back") {
  for (const auto& each : actors::settings_table()) {
    auto value = actors::show(each, {});
    if (value.empty())
      continue;
    INFO(each.name << " = " << value);
    source_config cfg;
    CHECK_FALSE(actors::assign(each, caf::config_value{value}, cfg));
    CHECK(actors::show(each, cfg) == value);
  }
}
