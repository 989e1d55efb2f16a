#include "actors/program_config.hpp"

#include "actors/config_file.hpp"
#include "actors/setting.hpp"
#include "actors/settings.hpp"
#include "runtime/core/nearest.hpp"

#include <keyloom/errc.hpp>

#include <caf/io/middleman.hpp>
#include <caf/message.hpp>
#include <caf/pec.hpp>
#include <caf/settings.hpp>
#include <caf/timespan.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <sstream>

namespace keyloom::actors {

namespace {

/// Takes a value as it is: read_settings looks at it, whether it came from the command line or
/// from a file, and says more than CAF's own options can.
caf::error keep(void*, caf::config_value&) {
  return {};
}

caf::config_value nothing(const void*) {
  return {};
}

const caf::config_option::meta_state any_value{keep, nothing, "value"};

/// Whether the setting is needed to say what the program is about, or it has a default to show.
std::string default_or_need(const setting& which) {
  auto value = show(which, {});
  return value.empty() ? "" : ", default " + value;
}

std::string described(const setting& which) {
  return std::string{which.sentence} + " [" + unit_of(which) + default_or_need(which) + "; "
         + range_of(which) + "]";
}

caf::config_option make_option(const setting& which) {
  auto full = "keyloom." + std::string{which.name};
  auto dot = full.rfind('.');
  auto name = full.substr(dot + 1);
  if (which.short_name != 0)
    name += std::string{","} + which.short_name;
  return {full.substr(0, dot), name, described(which), &any_value};
}

caf::error wrong(std::string text) {
  return caf::make_error(errc::bad_config, std::move(text));
}

} // namespace

program_config::program_config() {
  load<caf::io::middleman>(); // for remote_actor
  // Measured: throughput of stealing at the idle cost of sharing; fair between actors.
  set("caf.work-stealing.moderate-poll-attempts", 0);
  set("caf.work-stealing.relaxed-sleep-duration", caf::timespan{std::chrono::milliseconds{1}});
  set("caf.scheduler.max-throughput", 64);
  // Two looks at the clock a message: for those that get a message a batch, not a message a key.
  set("caf.metrics-filters.actors.includes",
      std::vector<std::string>{"keyloom.source", "keyloom.partition", "keyloom.committer",
                               "keyloom.batcher", "keyloom.lane"});
  for (const auto& each : settings_table())
    custom_options_.add(make_option(each));
}

caf::error program_config::read(int argc, char** argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  program_name = argc > 0 ? argv[0] : "";
  constexpr std::array<std::string_view, 3> help{"--help", "-h", "-?"};
  if (std::find_first_of(arguments.begin(), arguments.end(), help.begin(), help.end())
      != arguments.end()) {
    std::cout << settings_help() << std::flush;
    cli_helptext_printed = true;
    return {};
  }
  // CAF takes "-b" without a value, at the end, for no argument at all.
  if (!arguments.empty() && arguments.back().size() == 2 && arguments.back()[0] == '-')
    if (const auto* last = custom_options_.cli_short_name_lookup(arguments.back()[1]);
        last != nullptr && !last->is_flag())
      return wrong("option '" + arguments.back() + "' needs a value");
  if (auto problem = read_file(arguments))
    return problem;
  std::istringstream no_file;
  if (auto problem = parse(std::move(arguments), no_file))
    return explain(problem);
  if (cli_helptext_printed)
    return {};
  if (!remainder.empty())
    return wrong("unknown argument '" + remainder.front()
                 + "'; settings are given as --keyloom.NAME=VALUE");
  source_config unused;
  return read_settings(content, unused);
}

std::string program_config::settings_help() {
  std::string result = "Settings, as options or in a configuration file (--config-file=FILE):\n\n";
  for (const auto& each : settings_table()) {
    result += "  ";
    if (each.short_name != 0)
      result += std::string{"-"} + each.short_name + ", ";
    result += "--keyloom." + std::string{each.name} + "=VALUE\n      " + std::string{each.sentence}
              + "\n      " + unit_of(each) + default_or_need(each) + "; " + range_of(each) + "\n";
  }
  return result
         + "\n  --dump-config   prints the configuration\n"
           "  --long-help     lists CAF's options, too\n";
}

/// The file that the command line names, or CAF's default one where it exists.
caf::error program_config::read_file(const std::vector<std::string>& arguments) {
  static constexpr std::string_view option = "--config-file=";
  auto path = config_file_path;
  auto named = std::find_if(arguments.rbegin(), arguments.rend(),
                            [](const std::string& each) { return each.starts_with(option); });
  if (named != arguments.rend())
    path = named->substr(option.size());
  else if (!std::filesystem::exists(path))
    return {};
  auto file = read_config_file(path);
  if (!file)
    return std::move(file.error());
  // Before options are written over it: they would make a group of what the file has as a value.
  if (auto problem = check_groups(*file))
    return problem;
  merge(*file, content);
  return sync_options(path);
}

/// Lets CAF's options take what the file says about them, each as the type it is.
caf::error program_config::sync_options(const std::string& path) {
  for (const auto& option : custom_options_) {
    auto name = option.category() == "global" ? option.long_name() : option.full_name();
    const auto* value = caf::get_if(&content, name);
    if (value == nullptr)
      continue;
    auto copy = *value;
    if (auto problem = option.sync(copy))
      return wrong(path + ": " + std::string{name.begin(), name.end()} + " = " + to_string(copy)
                   + " is no " + std::string{option.type_name().begin(), option.type_name().end()});
    caf::put(content, name, std::move(copy));
  }
  return {};
}

/// What CAF says about an option, in a sentence.
caf::error program_config::explain(const caf::error& problem) const {
  const auto& where = problem.context();
  if (problem.category() != caf::type_id_v<caf::pec> || !where.match_elements<std::string>())
    return wrong(to_string(problem));
  auto argument = where.get_as<std::string>(0);
  if (argument.ends_with('='))
    argument.pop_back();
  if (problem == caf::pec::not_an_option)
    return unknown_option(argument);
  if (problem == caf::pec::missing_argument)
    return wrong("option '" + argument + "' needs a value: " + argument + "=VALUE");
  return wrong("option '" + argument + "' has a value that cannot be read: "
               + to_string(static_cast<caf::pec>(problem.code())));
}

caf::error program_config::unknown_option(const std::string& argument) const {
  auto name = argument.substr(0, argument.find('='));
  std::vector<std::string> options;
  for (const auto& each : custom_options_) {
    auto full = each.has_flat_cli_name() ? each.long_name() : each.full_name();
    options.push_back("--" + std::string{full.begin(), full.end()});
  }
  std::vector<std::string_view> names{options.begin(), options.end()};
  return wrong("'" + name + "' is no option; the nearest is "
               + std::string{core::nearest(name, names)} + " (--help lists the settings)");
}

} // namespace keyloom::actors
