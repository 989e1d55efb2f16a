// Asking for memory before it is needed, where it is known that no cache of this core has it.
#pragma once

#include <cstddef>

namespace keyloom::core {

/// Of nothing for null.
inline void prefetch(const void* where, size_t bytes = 64) {
  if (where == nullptr)
    return;
  for (size_t at = 0; at < bytes; at += 64)
    __builtin_prefetch(static_cast<const char*>(where) + at, 1);
}

} // namespace keyloom::core
