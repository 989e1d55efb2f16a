// A source's state as JSON, for the page, `keyloom inspect` and scripts. Pure. Fields have the
// names that source_state.hpp gives them, times are in ms unless they say otherwise, and what is
// not known is -1 or not there.
#pragma once

#include "actors/source_history.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace keyloom {

struct system_state;

} // namespace keyloom

namespace keyloom::actors {

nlohmann::ordered_json to_value(const source_state& x);
nlohmann::ordered_json to_value(const system_state& x);

/// A source as one look has seen it.
struct seen_source {
  source_state state;
  std::vector<std::string> stage_names; ///< as samples have them, batchers among them
  source_history::sample latest;
};

/// {"time_ms", "sources": [...]}
std::string to_json(const std::vector<seen_source>& sources);

struct past_source {
  std::string group;
  std::string topic;
  std::vector<source_history::sample> samples;
};

std::string to_json(const std::vector<past_source>& sources);

} // namespace keyloom::actors
