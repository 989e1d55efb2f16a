// What a turn read in a store that notes it: which keys, or that it may have been any. Keys are
// known by the hashes of their bytes, as the change log has them. One thread: the partition's.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace keyloom {

/// The hash by which keyloom knows a store key.
inline uint64_t hash_of_store_key(std::string_view key) {
  return std::hash<std::string_view>{}(key);
}

struct store_reads {
  std::vector<uint64_t> keys; ///< hashes; a key may be there more than once
  bool all = false;           ///< any key

  void note(std::string_view key) {
    auto hash = hash_of_store_key(key);
    if (keys.empty() || keys.back() != hash)
      keys.push_back(hash);
  }

  void clear() {
    keys.clear();
    all = false;
  }
};

} // namespace keyloom
