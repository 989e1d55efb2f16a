// A source's state for people, in lines: what SIGUSR1 brings into the log. Pure.
#pragma once

#include <keyloom/source_state.hpp>

#include <string>

namespace keyloom::core {

std::string to_text(const source_state& state);

} // namespace keyloom::core
