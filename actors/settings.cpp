#include "actors/settings.hpp"

#include "actors/setting.hpp"
#include "actors/setting_values.hpp"
#include "runtime/core/nearest.hpp"

#include <keyloom/errc.hpp>

#include <algorithm>

namespace keyloom::actors {

namespace {

const setting* find_setting(std::string_view name) {
  auto table = settings_table();
  auto found = std::find_if(table.begin(), table.end(),
                            [name](const setting& each) { return each.name == name; });
  return found == table.end() ? nullptr : &*found;
}

bool is_group(std::string_view name) {
  auto table = settings_table();
  return std::any_of(table.begin(), table.end(), [name](const setting& each) {
    return each.name.starts_with(name) && each.name.substr(name.size()).starts_with(".");
  });
}

/// The names from a key to the first value in it, so that a misspelled group is near to its own.
std::string whole_name(const std::string& name, const caf::config_value& value) {
  const auto* group = caf::get_if<caf::settings>(&value);
  if (group == nullptr || group->empty())
    return name;
  const auto& [key, inner] = *group->begin();
  return whole_name(name + "." + std::string{key}, inner);
}

caf::error unknown(const std::string& name, const caf::config_value& value) {
  std::vector<std::string_view> names;
  for (const auto& each : settings_table())
    names.push_back(each.name);
  return caf::make_error(errc::bad_config,
                         "keyloom." + name + " is no setting; the nearest is keyloom."
                           + std::string{core::nearest(whole_name(name, value), names)}
                           + " (docs/configuration.md lists them all)");
}

caf::error read_group(const std::string& prefix, const caf::settings& from, source_config& into) {
  for (const auto& [key, value] : from) {
    auto name = prefix + std::string{key};
    caf::error problem;
    if (const auto* found = find_setting(name))
      problem = assign(*found, value, into);
    else if (const auto* nested = caf::get_if<caf::settings>(&value); nested && is_group(name))
      problem = read_group(name + ".", *nested, into);
    else
      problem = unknown(name, value);
    if (problem)
      return problem;
  }
  return {};
}

/// What the configuration says to read takes the place of what the code says, in whatever form.
void let_one_topic_setting_win(const caf::settings& from, source_config& into) {
  auto given = [&from](caf::string_view name) { return from.find(name) != from.end(); };
  auto any = given("topic") || given("topics") || given("pattern");
  if (any && !given("topic"))
    into.topic.clear();
  if (any && !given("topics"))
    into.topics.clear();
  if (any && !given("pattern"))
    into.pattern.clear();
}

caf::error check_topics(const source_config& cfg) {
  auto wrong = [](const std::string& what) {
    return caf::make_error(errc::bad_config, "keyloom." + what);
  };
  auto given = int{!cfg.topic.empty()} + int{!cfg.topics.empty()} + int{!cfg.pattern.empty()};
  if (given == 0)
    return wrong("topic is not set; give the topic's name, in code or with --keyloom.topic, or "
                 "several with keyloom.topics, or keyloom.pattern");
  if (given > 1)
    return wrong("topic: exactly one of topic, topics and pattern can be set");
  if (!cfg.pattern.empty() && cfg.pattern.front() != '^')
    return wrong("pattern: '" + cfg.pattern
                 + "' does not begin with ^, as patterns must; the "
                   "nearest is '^"
                 + cfg.pattern + "'");
  return {};
}

} // namespace

caf::error check_groups(const caf::settings& content) {
  constexpr size_t near_miss = 2;
  for (const auto& [key, value] : content) {
    std::string name{key};
    if (name == "keyloom" && caf::get_if<caf::settings>(&value) == nullptr)
      return caf::make_error(errc::bad_config,
                             "keyloom = " + written(value)
                               + " is no group of settings; write keyloom { ... }");
    if (name != "keyloom" && core::edit_distance(name, "keyloom") <= near_miss)
      return caf::make_error(errc::bad_config, "'" + name
                                                 + "' is no group of settings; the nearest is "
                                                   "keyloom { ... }");
  }
  return {};
}

caf::error read_settings(const caf::settings& content, source_config& into) {
  if (auto problem = check_groups(content))
    return problem;
  auto found = content.find("keyloom");
  if (found == content.end())
    return {};
  const auto* settings = caf::get_if<caf::settings>(&found->second);
  let_one_topic_setting_win(*settings, into);
  return read_group("", *settings, into);
}

caf::error check_settings(const source_config& cfg) {
  if (auto problem = check_topics(cfg))
    return problem;
  for (const auto& each : settings_table())
    if (auto problem = check(each, cfg))
      return problem;
  return {};
}

} // namespace keyloom::actors
