// Asking for memory before it is needed, where it is known that no cache of this core has it.
#pragma once

#include <cstddef>

namespace keyloom::core {

inline void prefetch(const void* where, size_t bytes = 64) {
  for (size_t at = 0; at < bytes; at += 64)
    __builtin_prefetch(static_cast<const char*>(where) + at, 1);
}

} // namespace keyloom::core
