#include "runtime/log/logger.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace keyloom::log {

namespace {

constexpr std::array<std::pair<std::string_view, level>, 5> level_names{
  {{"debug", level::debug},
   {"info", level::info},
   {"warning", level::warning},
   {"error", level::error},
   {"off", level::off}}};

// In the order of the enumerators.
constexpr std::array<std::string_view, components> component_names{
  "source", "partition", "committer", "batcher", "poller", "restorer", "http", "kafka", "caf"};

spdlog::level::level_enum to_spdlog(level x) {
  switch (x) {
    case level::debug:
      return spdlog::level::debug;
    case level::info:
      return spdlog::level::info;
    case level::warning:
      return spdlog::level::warn;
    case level::error:
      return spdlog::level::err;
    case level::off:
      break;
  }
  return spdlog::level::off;
}

std::string listed(auto& names) {
  std::string result;
  for (auto each : names)
    result += (result.empty() ? "" : ", ") + std::string{each};
  return result;
}

/// Keys and errors may hold any bytes, which is no reason to throw.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Sets the level that "kafka=debug" names, or says what is wrong.
std::string parse_one(const std::string& text, settings& into) {
  auto sign = std::min(text.find('='), text.size());
  auto name = std::string_view{text}.substr(0, sign);
  auto found = std::find(component_names.begin(), component_names.end(), name);
  if (found == component_names.end())
    return "'" + std::string{name} + "' is no component; give " + explain_levels();
  auto at = text.substr(std::min(sign + 1, text.size()));
  if (!parse(at, into.levels[static_cast<size_t>(found - component_names.begin())]))
    return "'" + at + "' is no level; give " + explain_levels();
  return {};
}

} // namespace

bool parse(std::string_view name, level& into) {
  for (auto& [text, value] : level_names)
    if (text == name) {
      into = value;
      return true;
    }
  return false;
}

std::string_view name_of(component x) {
  return component_names[static_cast<size_t>(x)];
}

std::string parse_levels(const std::string& text, settings& into) {
  for (size_t from = 0; from < text.size();) {
    auto to = std::min(text.find(',', from), text.size());
    if (auto wrong = parse_one(text.substr(from, to - from), into); !wrong.empty())
      return wrong;
    from = to + 1;
  }
  return {};
}

std::string explain_levels() {
  return "COMPONENT=LEVEL[,...], of " + listed(component_names);
}

std::string wrong_levels(const std::string& text) {
  settings unused;
  return parse_levels(text, unused);
}

struct logger::impl {
  explicit impl(const settings& wanted) : how(wanted) {}

  settings how;
  spdlog::logger out{"keyloom", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

logger::logger(const settings& how) : impl_(std::make_unique<impl>(how)) {
  impl_->out.set_level(spdlog::level::debug); // `write` has the levels
  impl_->out.set_pattern(how.shape == format::text
                           ? "%Y-%m-%dT%H:%M:%S.%e %l %v"
                           : R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
}

logger::~logger() = default;

void logger::kafka(int syslog_level, const std::string& line) {
  // Consumer and producer share the user's properties; each complains about those of the other.
  auto at = line.find("will be ignored by this") != line.npos ? level::debug
            : syslog_level <= 3                               ? level::error
            : syslog_level == 4                               ? level::warning
                                                              : level::debug;
  write(component::kafka, at, "librdkafka: " + line);
}

void logger::write(component of, level at, const std::string& line) {
  if (at < impl_->how.levels[static_cast<size_t>(of)])
    return;
  std::string name{name_of(of)};
  if (impl_->how.shape == format::json)
    impl_->out.log(to_spdlog(at), R"("component":")" + name + R"(","message":)" + quoted(line));
  else
    impl_->out.log(to_spdlog(at),
                   (of == component::source ? "keyloom: " : "keyloom." + name + ": ") + line);
}

} // namespace keyloom::log
