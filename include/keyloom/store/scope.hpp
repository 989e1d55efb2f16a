// What a turn may read in a store, which decides which events have to leave together under exactly
// once. A wrong promise shows only after a crash.
#pragma once

#include <cstdint>

namespace keyloom {

enum class store_scope : uint8_t {
  partition,  ///< a turn that reads the store may read anything (default for a store of your own)
  record_key, ///< a turn reads nothing but what events of its record key wrote, and interjections
  tracked,    ///< the store notes the keys that a turn reads, as the ready-made ones do
};

} // namespace keyloom
