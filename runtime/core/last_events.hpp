// Which held event was the last to do something with a key: a hash table from the keys' hashes to
// events. Events that have left count as none and are swept out when the table would grow, so
// nothing has to be told that they left. Keys are known by their hashes alone: when two share one,
// each is taken for the other, and events need more than they must, which holds them longer and
// breaks nothing. One thread.
#pragma once

#include "runtime/core/held_event.hpp"

#include <cstddef>
#include <utility>

namespace keyloom::core {

class last_events {
public:
  /// Makes `ev` the key's last one; returns the one before, which may have left.
  held_ref put(uint64_t key, held_event& ev) {
    if ((used_ + 1) * 2 > slots_.size())
      sweep();
    auto& place = slots_[place_of(key)];
    if (place.last.id == 0)
      ++used_;
    place.key = key;
    return std::exchange(place.last, ev.ref());
  }

  /// The key's last one; it may have left.
  held_ref find(uint64_t key) const {
    return slots_.empty() ? held_ref{} : slots_[place_of(key)].last;
  }

  /// Slots in memory.
  size_t capacity() const { return slots_.size(); }

private:
  struct slot {
    uint64_t key = 0;
    held_ref last; ///< id 0: not in use
  };

  /// Spreads hashes that differ in their upper bits only, too.
  size_t place_of(uint64_t key) const {
    auto i = (key * 0x9e3779b97f4a7c15U) >> shift_;
    while (slots_[i].last.id != 0 && slots_[i].key != key)
      i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  void sweep() {
    size_t alive = 0;
    for (auto& each : slots_)
      alive += static_cast<size_t>(each.last.alive());
    shift_ = most_shift;
    while ((size_t{1} << (64 - shift_)) < alive * 4)
      --shift_;
    auto old = std::exchange(slots_, std::vector<slot>(size_t{1} << (64 - shift_)));
    used_ = alive;
    for (auto& each : old)
      if (each.last.alive())
        slots_[place_of(each.key)] = each;
  }

  /// 256 slots: most events leave at once, and a smaller table would be swept over and over.
  static constexpr unsigned most_shift = 56;

  std::vector<slot> slots_;
  size_t used_ = 0;
  unsigned shift_ = most_shift; ///< 64 minus the bits of a place
};

} // namespace keyloom::core
