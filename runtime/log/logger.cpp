#include "runtime/log/logger.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>

namespace keyloom::log {

namespace {

constexpr std::array<std::pair<std::string_view, level>, 5> names{{{"debug", level::debug},
                                                                   {"info", level::info},
                                                                   {"warning", level::warning},
                                                                   {"error", level::error},
                                                                   {"off", level::off}}};

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

} // namespace

bool parse(std::string_view name, level& into) {
  for (auto& [text, value] : names)
    if (text == name) {
      into = value;
      return true;
    }
  return false;
}

struct logger::impl {
  spdlog::logger out{"keyloom", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

logger::logger(level lowest) : impl_(std::make_unique<impl>()) {
  impl_->out.set_level(to_spdlog(lowest));
  impl_->out.set_pattern("%Y-%m-%dT%H:%M:%S.%e %l keyloom: %v");
}

logger::~logger() = default;

void logger::kafka(int syslog_level, const std::string& line) {
  // Consumer and producer share the user's properties; each complains about those of the other.
  if (line.find("will be ignored by this") != line.npos) {
    write(level::debug, "librdkafka: " + line);
    return;
  }
  auto at = syslog_level <= 3 ? level::error : syslog_level == 4 ? level::warning : level::debug;
  write(at, "librdkafka: " + line);
}

void logger::write(level at, const std::string& line) {
  impl_->out.log(to_spdlog(at), line);
}

} // namespace keyloom::log
