// A source's state for people, in lines: what SIGUSR1 brings into the log. Pure.
#pragma once

#include <keyloom/source_state.hpp>

#include <string>
#include <string_view>

namespace keyloom::core {

/// How an event's `waits_for` begins whose work has not begun, as others are in the way.
inline constexpr std::string_view place_in_stage = "a place in the stage";

std::string to_text(const source_state& state);

} // namespace keyloom::core
