#include "actors/log_settings.hpp"

#include "actors/setting_values.hpp"

#include <caf/settings.hpp>

namespace keyloom::actors {

namespace {

std::string text_of(const caf::settings& content, caf::string_view name) {
  const auto* value = caf::get_if(&content, name);
  return value != nullptr ? written(*value) : std::string{};
}

} // namespace

log::settings read_log_settings(const caf::settings& content) {
  auto lowest = log::level::info;
  log::parse(text_of(content, "keyloom.log.level"), lowest);
  log::settings result{lowest};
  log::parse_levels(text_of(content, "keyloom.log.levels"), result);
  if (text_of(content, "keyloom.log.format") == "json")
    result.shape = log::format::json;
  return result;
}

} // namespace keyloom::actors
