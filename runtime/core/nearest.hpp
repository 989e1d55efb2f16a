// Finds what a person meant by a name that does not exist: the known name that takes the fewest
// edits. For messages only. Any thread.
#pragma once

#include <string_view>
#include <vector>

namespace keyloom::core {

/// How many single characters must be inserted, removed or replaced to make `to` of `from`.
size_t edit_distance(std::string_view from, std::string_view to);

/// The one of `known` that `name` was most likely meant to be: one it is the beginning of (dots
/// separate parts), else the one with the smallest edit distance, where leaving out all parts but
/// the last counts as one edit. The first of equals; empty when nothing is known.
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& known);

} // namespace keyloom::core
