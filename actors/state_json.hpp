// A source's state as JSON, for the page and for scripts. Pure.
#pragma once

#include "actors/source_history.hpp"

#include <string>

namespace keyloom::actors {

/// A source as one look has seen it.
struct seen_source {
  source_state state;
  std::vector<std::string> stage_names; ///< as samples have them, batchers among them
  source_history::sample latest;
};

/// {"time_ms", "sources": [...]}; the fields are those of source_state, by their names, with times
/// in ms.
std::string to_json(const std::vector<seen_source>& sources);

struct past_source {
  std::string group;
  std::string topic;
  std::vector<source_history::sample> samples;
};

std::string to_json(const std::vector<past_source>& sources);

} // namespace keyloom::actors
