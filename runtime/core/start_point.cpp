#include "runtime/core/start_point.hpp"

namespace keyloom::core {

namespace {

using reason = start_point::reason;

start_point without_commit(const start_facts& facts) {
  if (facts.others_committed && facts.low.value_or(0) > 0)
    return {reason::expired,
            {},
            "nothing is committed, though the group has committed other partitions of the topic "
            "(its offset has expired or was deleted), and records before offset "
              + std::to_string(*facts.low) + " are gone"};
  return {reason::fresh, {}, "nothing is committed: starts at the earliest record"};
}

std::string sentence(metadata_kind kind) {
  switch (kind) {
    case metadata_kind::foreign:
      return "its metadata was written by another program and is ignored";
    case metadata_kind::newer:
      return "its metadata was written by a newer version of keyloom and is ignored: records that "
             "were out may come again";
    default:
      return "its metadata is damaged and is ignored: records that were out may come again";
  }
}

} // namespace

start_point choose_start(const start_facts& facts) {
  auto committed = facts.committed;
  if (committed < 0)
    return without_commit(facts);
  auto offset = "the committed offset " + std::to_string(committed);
  auto [kind, map] = decode(facts.metadata, committed);
  if (map.topic && facts.topic && *map.topic != *facts.topic)
    return {reason::recreated, {}, offset + " is of a topic of this name that was deleted since"};
  if (facts.high && committed > *facts.high)
    return {reason::too_high,
            {},
            offset + " is behind the topic's end " + std::to_string(*facts.high)
              + ": the topic was created anew or lost records, or the offset was set by hand"};
  if (facts.low && committed < *facts.low) {
    drop_before(map.out, *facts.low);
    return {reason::too_low,
            {*facts.low, std::move(map.out)},
            offset + " is before the topic's begin " + std::to_string(*facts.low)
              + ": records were deleted (retention) before they were worked on"};
  }
  start_point result{reason::committed, {committed, std::move(map.out)}};
  if (kind == metadata_kind::map)
    return result;
  if (kind != metadata_kind::none) {
    result.why = reason::unread;
    result.note = offset + ": " + sentence(kind);
  } else if (facts.topic) { // keyloom would have written it
    result.why = reason::by_hand;
    result.note = offset + " was set by hand or by another program: starts there";
  }
  return result;
}

} // namespace keyloom::core
