// Where an assigned partition begins, decided from what the broker says of it: at the committed
// offset, with what the commit's completion map names as out; at the earliest record where nothing
// is committed. Never anywhere else in silence: records may be missing where the committed offset
// is outside of what the topic holds, belongs to a topic of the same name that is gone, or has
// expired. That is a gap, which the policy on_gap decides about. Pure function, any thread.
#pragma once

#include "runtime/core/completion_map.hpp"

namespace keyloom::core {

/// What is known of a partition when it is assigned.
struct start_facts {
  int64_t committed = -1;             ///< -1: nothing
  std::string metadata = {};          ///< of the commit
  std::optional<topic_id> topic = {}; ///< of the topic as it is now; nothing where nobody tells
  std::optional<int64_t> low = {};    ///< the earliest offset the topic holds
  std::optional<int64_t> high = {};   ///< the offset of the next record
  bool others_committed = false;      ///< the group has committed other partitions of the topic
};

struct start_point {
  enum class reason {
    committed, ///< at the committed offset, as ever
    fresh,     ///< nothing is committed
    by_hand,   ///< at a committed offset that keyloom did not write
    unread,    ///< at a committed offset whose metadata is not used
    // gaps
    expired,   ///< nothing is committed any more
    recreated, ///< the topic is another one
    too_low,   ///< records are gone that were not worked on
    too_high,  ///< the topic ends before the committed offset
  };

  reason why = reason::committed;
  progress at = {};      ///< offset -1: the earliest record
  std::string note = {}; ///< a sentence for people; empty where there is nothing to say

  /// Whether records may be missing: `at` is where to go on if the policy lets it.
  bool is_gap() const { return why >= reason::expired; }
};

start_point choose_start(const start_facts& facts);

} // namespace keyloom::core
