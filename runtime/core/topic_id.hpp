// The id a broker gives a topic when it is created; one that is deleted and created again under its
// old name has another. A value.
#pragma once

#include <array>
#include <cstdint>

namespace keyloom::core {

using topic_id = std::array<uint8_t, 16>;

} // namespace keyloom::core
