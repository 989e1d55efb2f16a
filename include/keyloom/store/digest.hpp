// A number that two stores share when they hold the same: the sum of their entries' digests, so the
// order in which they are visited does not matter. Stable over machines and versions. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyloom {

/// Of one entry's bytes.
uint64_t digest_of(std::string_view key, std::string_view value);

} // namespace keyloom
