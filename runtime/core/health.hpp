// Whether a source does its work: what /readyz answers. Pure.
#pragma once

#include <keyloom/source_state.hpp>

#include <string>
#include <vector>

namespace keyloom::core {

/// Why a source that runs is not ready, a line each; empty: it is. It is ready once the group has
/// told it what is its own, all that is active, and nothing of it stands still: a member without
/// partitions is ready.
std::vector<std::string> reasons_not_ready(const source_state& state);

} // namespace keyloom::core
