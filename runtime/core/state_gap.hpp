// Whether a change log and what the group has committed belong together when a partition is
// assigned. Under exactly once they were always written together, so where they do not fit somebody
// has reset offsets, or deleted or truncated a topic: the store would then count records twice, or
// begin anew in silence. Pure function, any thread.
#pragma once

#include <cstdint>
#include <string>

namespace keyloom::core {

struct state_facts {
  int64_t committed = -1; ///< by the group; -1: nothing
  std::string metadata;   ///< of that commit
  uint64_t entries = 0;   ///< read from the change log, committed ones
  int64_t log_high = 0; ///< its next offset; it may have others, of transactions that were aborted
};

/// What is wrong, as a sentence without its end; empty: they fit.
std::string find_state_gap(const state_facts& facts, bool exactly_once);

} // namespace keyloom::core
