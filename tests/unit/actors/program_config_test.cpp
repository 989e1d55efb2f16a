#include "actors/program_config.hpp"

#include "actors/setting.hpp"
#include "actors/settings.hpp"

#include <keyloom/errc.hpp>
#include <keyloom/exec_main.hpp>

#include <caf/settings.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace keyloom;
using namespace std::chrono_literals;

namespace {

/// The arguments of main, as the C++ runtime hands them over.
class command_line {
public:
  explicit command_line(std::vector<std::string> arguments) : texts_(std::move(arguments)) {
    texts_.insert(texts_.begin(), "program");
    for (auto& each : texts_)
      pointers_.push_back(each.data());
    pointers_.push_back(nullptr);
  }

  int count() const { return static_cast<int>(texts_.size()); }
  char** values() { return pointers_.data(); }

private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

/// Takes what is written to a stream while it lives.
class captured {
public:
  explicit captured(std::ostream& stream) : stream_(stream), before_(stream.rdbuf(text_.rdbuf())) {}
  ~captured() { stream_.rdbuf(before_); }
  captured(const captured&) = delete;
  captured& operator=(const captured&) = delete;

  std::string text() const { return text_.str(); }

private:
  std::ostringstream text_;
  std::ostream& stream_;
  std::streambuf* before_;
};

/// A file that is there during a test.
class temporary_file {
public:
  explicit temporary_file(const std::string& content)
    : path_(std::filesystem::temp_directory_path()
            / ("keyloom-" + std::to_string(reinterpret_cast<uintptr_t>(this)) + ".conf")) {
    std::ofstream{path_} << content;
  }
  ~temporary_file() { std::filesystem::remove(path_); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;

  std::string path() const { return path_.string(); }

private:
  std::filesystem::path path_;
};

std::string problem_of(std::vector<std::string> arguments) {
  actors::program_config cfg;
  command_line line{std::move(arguments)};
  auto err = cfg.read(line.count(), line.values());
  CHECK((!err || err == errc::bad_config));
  return err ? describe(err) : "";
}

} // namespace

TEST_CASE("the command line wins over the configuration file, which wins over code") {
  temporary_file file{"keyloom { credit = 5, window = 6, kafka { debug = \"cgrp\" } }"};
  actors::program_config cfg;
  command_line line{{"--config-file=" + file.path(), "--keyloom.credit=7", "-g", "readers",
                     "--keyloom.commit.interval=50ms"}};
  REQUIRE_FALSE(cfg.read(line.count(), line.values()));
  source_config source{.group = "mine", .topic = "t", .window = 9};
  REQUIRE_FALSE(actors::read_settings(cfg.content, source));
  CHECK(source.group == "readers");
  CHECK(source.topic == "t");
  CHECK(source.credit == 7);
  CHECK(source.window == 6);
  CHECK(source.commit_interval == 50ms);
  CHECK(source.kafka.at("debug") == "cgrp");
}

TEST_CASE("librdkafka's properties can be given on the command line") {
  actors::program_config cfg;
  command_line line{{R"(--keyloom.kafka={debug = "cgrp,fetch", fetch.wait.max.ms = 5})"}};
  REQUIRE_FALSE(cfg.read(line.count(), line.values()));
  source_config source;
  REQUIRE_FALSE(actors::read_settings(cfg.content, source));
  CHECK(source.kafka
        == std::map<std::string, std::string>{{"debug", "cgrp,fetch"}, {"fetch.wait.max.ms", "5"}});
}

TEST_CASE("an option that does not exist is an error that names the nearest one") {
  CHECK(problem_of({"--keyloom.comit.interval=5ms"})
        == "'--keyloom.comit.interval' is no option; the nearest is --keyloom.commit.interval "
           "(--help lists the settings)");
  CHECK(problem_of({"--caf.scheduler.maxthreads=5"})
        == "'--caf.scheduler.maxthreads' is no option; the nearest is "
           "--caf.scheduler.max-threads (--help lists the settings)");
  CHECK(problem_of({"--halp"})
        == "'--halp' is no option; the nearest is --help (--help lists the settings)");
}

TEST_CASE("options without a value, and arguments that are no options, are errors") {
  CHECK(problem_of({"--keyloom.group"})
        == "option '--keyloom.group' needs a value: --keyloom.group=VALUE");
  CHECK(problem_of({"--keyloom.group="})
        == "option '--keyloom.group' needs a value: --keyloom.group=VALUE");
  CHECK(problem_of({"-g"}) == "option '-g' needs a value");
  CHECK(problem_of({"group=g"})
        == "unknown argument 'group=g'; settings are given as --keyloom.NAME=VALUE");
}

TEST_CASE("a value that cannot work is an error before anything starts") {
  CHECK(problem_of({"--keyloom.credit=0"})
        == "keyloom.credit: 0 is out of range: 1 to 10000000; the nearest is 1");
  CHECK(problem_of({"--keyloom.stop.deadline=5"})
        == "keyloom.stop.deadline: '5' has no unit; give 0ms to 24h, such as 5ms");
  CHECK(problem_of({"--caf.scheduler.max-threads=many"}).find("'--caf.scheduler.max-threads=many'")
        != std::string::npos);
}

TEST_CASE("a configuration file that cannot be read says which, where and why") {
  CHECK(problem_of({"--config-file=/nowhere/at-all.conf"})
        == "cannot read the configuration file /nowhere/at-all.conf");
  temporary_file unquoted{"keyloom {\n  credit = 5\n  group = readers\n}\n"};
  auto problem = problem_of({"--config-file=" + unquoted.path()});
  CHECK(problem.find(unquoted.path() + ", line 3: ") == 0);
  CHECK(problem.find("texts need quotes") != std::string::npos);
  temporary_file no_group{"keyloom = 5"};
  CHECK(problem_of({"--config-file=" + no_group.path(), "--keyloom.credit=7"})
        == "keyloom = 5 is no group of settings; write keyloom { ... }");
  temporary_file mistyped{"keyloom { kredit = 5 }"};
  CHECK(problem_of({"--config-file=" + mistyped.path()})
          .find("keyloom.kredit is no setting; the nearest is keyloom.credit")
        == 0);
}

TEST_CASE("a configuration file sets CAF's options, each as the type it is") {
  temporary_file file{"caf.scheduler { max-threads = 3 }\nmine { word = \"x\" }"};
  actors::program_config cfg;
  command_line line{{"--config-file=" + file.path()}};
  REQUIRE_FALSE(cfg.read(line.count(), line.values()));
  CHECK(caf::get_or(cfg.content, "caf.scheduler.max-threads", size_t{0}) == 3);
  CHECK(caf::get_or(cfg.content, "caf.scheduler.max-throughput", size_t{0}) == 64);
  CHECK(caf::get_or(cfg.content, "mine.word", std::string{}) == "x");
  temporary_file wrong{"caf.scheduler.max-threads = \"many\""};
  CHECK(
    problem_of({"--config-file=" + wrong.path()}).find(wrong.path() + ": caf.scheduler.max-threads")
    == 0);
}

TEST_CASE("--help shows every setting with its default and range") {
  auto* option = GENERATE("--help", "-h", "-?");
  captured out{std::cout};
  actors::program_config cfg;
  command_line line{{"--keyloom.group=g", option}};
  REQUIRE_FALSE(cfg.read(line.count(), line.values()));
  CHECK(cfg.cli_helptext_printed);
  for (const auto& each : actors::settings_table()) {
    INFO(each.name);
    CHECK(out.text().find("--keyloom." + std::string{each.name} + "=") != std::string::npos);
    CHECK(out.text().find(std::string{each.sentence}) != std::string::npos);
    CHECK(out.text().find(actors::range_of(each)) != std::string::npos);
  }
}

TEST_CASE("--long-help shows every option, CAF's too") {
  captured out{std::cout};
  actors::program_config cfg;
  command_line line{{"--long-help"}};
  REQUIRE_FALSE(cfg.read(line.count(), line.values()));
  CHECK(cfg.cli_helptext_printed);
  CHECK(out.text().find("--keyloom.commit.interval=") != std::string::npos);
  CHECK(out.text().find("--caf.scheduler.max-threads=") != std::string::npos);
}

TEST_CASE("a program on exec_main ends with 2 when its command line is wrong, and is not run") {
  captured err{std::cerr};
  command_line line{{"--keyloom.kredit=5"}};
  bool ran = false;
  CHECK(exec_main(line.count(), line.values(),
                  [&ran](caf::actor_system&) {
                    ran = true;
                    return 0;
                  })
        == 2);
  CHECK_FALSE(ran);
  CHECK(err.text()
        == "program: '--keyloom.kredit' is no option; the nearest is --keyloom.credit (--help "
           "lists the settings)\n");
}

TEST_CASE("a program on exec_main ends with 0 after --help, and is not run") {
  captured out{std::cout};
  command_line line{{"--help"}};
  CHECK(exec_main(line.count(), line.values(), [](caf::actor_system&) { return 1; }) == 0);
}
