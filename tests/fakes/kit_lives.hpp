// What random lives of a source in the testkit have in common, whatever it does: hand-overs, and
// what of them is committed.
#pragma once

#include "runtime/testkit/session.hpp"

#include <random>
#include <set>

namespace keyloom::fakes {

/// Takes the partition away, with a hand-over or at once, and gives it back.
inline void hand_over(testkit_base& kit, int32_t partition, std::mt19937_64& random) {
  if (random() % 2 == 0) {
    kit.revoke(partition);
    kit.run(random() % 20);
    kit.advance(std::chrono::seconds{2});
  } else {
    kit.lose(partition);
  }
  kit.assign(partition);
  kit.run(random() % 40);
}

/// Offsets that are committed, by offset and map.
inline std::set<int64_t> committed_of(testkit_base& kit, int32_t partition) {
  auto& seat = kit.internals().seat_of(partition);
  auto committed = seat.committed.value_or(0);
  std::set<int64_t> result;
  for (int64_t i = 0; i < committed; ++i)
    result.insert(i);
  for (auto [begin, end] : core::decode(seat.metadata, committed).map.out)
    while (begin < end)
      result.insert(begin++);
  return result;
}

} // namespace keyloom::fakes
