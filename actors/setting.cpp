#include "actors/setting.hpp"

#include "actors/config_file.hpp"
#include "actors/setting_values.hpp"
#include "runtime/core/nearest.hpp"

#include <keyloom/errc.hpp>

#include <caf/settings.hpp>

#include <algorithm>
#include <limits>

namespace keyloom::actors {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

std::string out_of_range(const std::string& value, const std::string& range,
                         const std::string& nearest) {
  return value + " is out of range: " + range + "; the nearest is " + nearest;
}

std::string not_a(const std::string& written, const std::string& expected,
                  const std::string& range) {
  return "'" + written + "' is not " + expected + "; give " + range;
}

/// What is wrong with the value, when it is outside of low to high.
template <class Kind, class Value, class Show>
std::string check_range(const Kind& kind, std::optional<Value> value, Show show) {
  if (!value || (*value >= kind.low && *value <= kind.high))
    return {};
  return out_of_range(show(*value), kind.range(), show(std::clamp(*value, kind.low, kind.high)));
}

std::string listed(std::span<const std::string_view> names) {
  std::string result;
  for (auto each : names)
    result += (result.empty() ? "" : ", ") + std::string{each};
  return result;
}

std::string not_one_of(const std::string& written, std::span<const std::string_view> names) {
  auto meant = core::nearest(written, {names.begin(), names.end()});
  return "'" + written + "' is not one of " + listed(names) + "; the nearest is "
         + std::string{meant};
}

/// Properties with dots in their names arrive as nested dictionaries.
void flatten(const std::string& prefix, const caf::settings& from,
             std::map<std::string, std::string>& into) {
  for (const auto& [key, value] : from) {
    auto path = prefix.empty() ? std::string{key} : prefix + "." + std::string{key};
    if (const auto* nested = caf::get_if<caf::settings>(&value))
      flatten(path, *nested, into);
    else
      into[path] = written(value);
  }
}

caf::error wrong(const setting& which, const std::string& problem) {
  if (problem.empty())
    return {};
  return caf::make_error(errc::bad_config, "keyloom." + std::string{which.name} + ": " + problem);
}

} // namespace

// --- texts ---

std::string text_kind::range() const {
  return required.empty() ? "any" : "required: " + std::string{required};
}

std::string text_kind::show(const source_config& cfg) const {
  return cfg.*member;
}

std::string text_kind::assign(const caf::config_value& value, source_config& into) const {
  if (caf::holds_alternative<caf::settings>(value)
      || caf::holds_alternative<caf::config_value::list>(value))
    return not_a(written(value), "one text", "\"...\"");
  into.*member = written(value);
  return check(into);
}

std::string text_kind::check(const source_config& cfg) const {
  if (required.empty() || !(cfg.*member).empty())
    return {};
  return "is not set; give " + std::string{required} + ", in code or in the configuration";
}

std::string list_kind::show(const source_config& cfg) const {
  std::string result;
  for (const auto& each : cfg.*member)
    result += (result.empty() ? "" : ",") + each;
  return result;
}

std::string list_kind::assign(const caf::config_value& value, source_config& into) const {
  into.*member = to_list(value);
  return check(into);
}

std::string list_kind::check(const source_config& cfg) const {
  const auto& texts = cfg.*member;
  if (std::find(texts.begin(), texts.end(), "") == texts.end())
    return {};
  return "'" + show(cfg) + "' has an empty element; give texts with a comma between them";
}

// --- numbers ---

std::string count_kind::range() const {
  return std::to_string(low) + " to " + std::to_string(high);
}

std::string count_kind::show(const source_config& cfg) const {
  auto value = member.get(cfg);
  return value ? std::to_string(*value) : "";
}

std::string count_kind::assign(const caf::config_value& value, source_config& into) const {
  auto number = to_integer(value);
  if (!number)
    return not_a(written(value), "a whole number of " + unit(), range());
  if (*number < int64_t{low} || *number > int64_t{high})
    return out_of_range(written(value), range(), std::to_string(*number < low ? low : high));
  member.set(into, static_cast<uint32_t>(*number));
  return {};
}

std::string count_kind::check(const source_config& cfg) const {
  return check_range(*this, member.get(cfg), [](uint32_t x) { return std::to_string(x); });
}

std::string port_kind::show(const source_config& cfg) const {
  auto port = cfg.*member;
  return port ? std::to_string(*port) : "none";
}

std::string port_kind::assign(const caf::config_value& value, source_config& into) const {
  (into.*member).reset();
  if (const auto* text = caf::get_if<std::string>(&value); text != nullptr && *text == "none")
    return {};
  constexpr int64_t highest = std::numeric_limits<uint16_t>::max();
  auto number = to_integer(value);
  if (!number)
    return not_a(written(value), "a port", range());
  if (*number < 0 || *number > highest)
    return out_of_range(written(value), range(), std::to_string(*number < 0 ? 0 : highest));
  into.*member = static_cast<uint16_t>(*number);
  return {};
}

std::string bytes_kind::range() const {
  return show_bytes(low) + " to " + show_bytes(high);
}

std::string bytes_kind::show(const source_config& cfg) const {
  return show_bytes(cfg.*member);
}

std::string bytes_kind::assign(const caf::config_value& value, source_config& into) const {
  auto bytes = to_bytes(value);
  if (!bytes)
    return not_a(written(value), "an amount of bytes, such as 64KiB, 256MiB or 1GiB", range());
  into.*member = *bytes;
  return check(into);
}

std::string bytes_kind::check(const source_config& cfg) const {
  return check_range(*this, std::optional{cfg.*member}, show_bytes);
}

std::string duration_kind::range() const {
  return actors::show(low) + " to " + actors::show(high);
}

std::string duration_kind::show(const source_config& cfg) const {
  return actors::show(*member.get(cfg)); // none of these may be missing
}

std::string duration_kind::assign(const caf::config_value& value, source_config& into) const {
  auto time = to_duration(value);
  if (!time) {
    auto text = written(value);
    return to_integer(value)
             ? "'" + text + "' has no unit; give " + range() + ", such as " + text + "ms"
             : not_a(text, "a time with its unit (ms, s, min, h), such as 100ms", range());
  }
  if (*time < low || *time > high)
    return out_of_range(written(value), range(), actors::show(*time < low ? low : high));
  if (*time != duration_cast<milliseconds>(*time))
    return not_a(written(value), "a whole number of ms", range());
  member.set(into, duration_cast<milliseconds>(*time));
  return {};
}

std::string duration_kind::check(const source_config& cfg) const {
  return check_range(*this, member.get(cfg), [](milliseconds x) { return actors::show(x); });
}

// --- flags and names ---

std::string flag_kind::show(const source_config& cfg) const {
  return cfg.*member ? "true" : "false";
}

std::string flag_kind::assign(const caf::config_value& value, source_config& into) const {
  auto flag = caf::get_as<bool>(value);
  if (!flag)
    return not_a(written(value), "a flag", "true or false");
  into.*member = *flag;
  return {};
}

std::string choice_kind::range() const {
  return listed(names);
}

std::string choice_kind::show(const source_config& cfg) const {
  return std::string{names[get(cfg)]};
}

std::string choice_kind::assign(const caf::config_value& value, source_config& into) const {
  auto name = written(value);
  auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    return not_one_of(name, names);
  set(into, static_cast<size_t>(found - names.begin()));
  return {};
}

std::string choice_kind::check(const source_config& cfg) const {
  auto index = get(cfg);
  return index < names.size() ? "" : not_one_of(std::to_string(index), names);
}

std::string program_choice_kind::range() const {
  return listed(names);
}

std::string program_choice_kind::assign(const caf::config_value& value, source_config&) const {
  auto name = written(value);
  auto known = std::find(names.begin(), names.end(), name) != names.end();
  return known ? "" : not_one_of(name, names);
}

std::string program_text_kind::assign(const caf::config_value& value, source_config&) const {
  return wrong(written(value));
}

std::string properties_kind::show(const source_config& cfg) const {
  std::string result;
  for (const auto& [name, value] : cfg.*member)
    result += (result.empty() ? "" : ", ") + name + " = \"" + value + "\"";
  return result;
}

std::string properties_kind::assign(const caf::config_value& value, source_config& into) const {
  const auto* text = caf::get_if<std::string>(&value);
  auto properties = text ? parse_config(*text) : caf::get_as<caf::settings>(value);
  if (!properties)
    return "'" + written(value)
           + R"(' is no list of properties; give them as {name = "value", other = "value"})";
  flatten("", *properties, into.*member);
  return {};
}

// --- a setting, whatever its kind ---

std::string unit_of(const setting& which) {
  return std::visit([](const auto& kind) { return kind.unit(); }, which.kind);
}

std::string range_of(const setting& which) {
  return std::visit([](const auto& kind) { return kind.range(); }, which.kind);
}

std::string show(const setting& which, const source_config& cfg) {
  return std::visit([&cfg](const auto& kind) { return kind.show(cfg); }, which.kind);
}

caf::error assign(const setting& which, const caf::config_value& value, source_config& into) {
  return wrong(which,
               std::visit([&](const auto& kind) { return kind.assign(value, into); }, which.kind));
}

caf::error check(const setting& which, const source_config& cfg) {
  return wrong(which, std::visit([&cfg](const auto& kind) { return kind.check(cfg); }, which.kind));
}

} // namespace keyloom::actors
