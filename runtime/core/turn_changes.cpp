#include "runtime/core/turn_changes.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace keyloom::core {

void turn_changes::add(const change& what) {
  auto value = what.value.value_or(std::string_view{});
  places_.push_back({bytes_.size(), static_cast<uint32_t>(what.key.size()),
                     what.value ? static_cast<uint32_t>(value.size()) : deleted,
                     static_cast<uint32_t>(what.type.size()), what.headers.bytes(),
                     hash_of_store_key(what.key)});
  bytes_ += what.key;
  bytes_ += value;
  bytes_ += what.type;
  bytes_ += std::string_view{what.headers.data(), what.headers.bytes()};
}

turn_changes::entry turn_changes::operator[](size_t index) const {
  auto& at = places_[index];
  auto* pos = bytes_.data() + at.begin;
  auto take = [&pos](uint32_t size) {
    return std::string_view{std::exchange(pos, pos + size), size};
  };
  change what;
  what.key = take(at.key);
  if (at.value != deleted)
    what.value = take(at.value);
  what.type = take(at.type);
  what.headers = header_block{pos, at.headers};
  return {what, at.key_hash};
}

void turn_changes::clear() {
  constexpr size_t kept = 4096; // bytes; one turn that changed much is no reason to keep its room
  bytes_.clear();
  places_.clear();
  if (bytes_.capacity() > kept)
    bytes_ = {};
  if (places_.capacity() > kept / sizeof(place))
    places_ = {};
}

std::span<const change> entry_chooser::choose(std::span<turn_changes* const> turns,
                                              bool last_only) {
  chosen_.clear();
  size_t count = 0;
  for (auto* each : turns)
    count += each->size();
  if (last_only) {
    ++round_;
    if (slots_.size() < count * 2)
      slots_.assign(std::bit_ceil(count * 2), {});
  }
  for (auto turn = turns.rbegin(); turn != turns.rend(); ++turn)
    for (auto i = (*turn)->size(); i-- > 0;) {
      auto each = (**turn)[i];
      if (!last_only || first_seen(each.what.key, each.key_hash))
        chosen_.push_back(each.what);
    }
  std::reverse(chosen_.begin(), chosen_.end());
  return chosen_;
}

/// Remembers the key; false when it was seen in this round.
bool entry_chooser::first_seen(std::string_view key, uint64_t hash) {
  auto mask = slots_.size() - 1;
  for (auto i = hash & mask;; i = (i + 1) & mask) {
    auto& at = slots_[i];
    if (at.round != round_) {
      at = {hash, round_, key};
      return true;
    }
    if (at.hash == hash && at.key == key)
      return false;
  }
}

} // namespace keyloom::core
