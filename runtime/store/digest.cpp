#include <keyloom/store/digest.hpp>

namespace keyloom {

namespace {

/// FNV-1a.
uint64_t add(uint64_t hash, std::string_view bytes) {
  for (unsigned char byte : bytes)
    hash = (hash ^ byte) * 0x100000001b3U;
  return hash;
}

} // namespace

uint64_t digest_of(std::string_view key, std::string_view value) {
  auto hash = add(0xcbf29ce484222325U, key);
  // The key's size, so that ("ab", "c") and ("a", "bc") differ.
  hash = add((hash ^ key.size()) * 0x100000001b3U, value);
  // Murmur3's end, so that sums of these do not cancel out as FNV's could.
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53U;
  return hash ^ (hash >> 33);
}

} // namespace keyloom
