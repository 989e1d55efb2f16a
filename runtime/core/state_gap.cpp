#include "runtime/core/state_gap.hpp"

#include "runtime/core/completion_map.hpp"

namespace keyloom::core {

std::string find_state_gap(const state_facts& facts, bool exactly_once) {
  if (!exactly_once) // what is unfenced need not fit
    return {};
  auto has_entries = facts.entries > 0;
  if (facts.committed < 0)
    return has_entries ? "it has entries, but the group has committed nothing, so records would be "
                         "worked on again whose changes are in it"
                       : std::string{};
  auto at = "the group's offset " + std::to_string(facts.committed);
  auto told = decode(facts.metadata, facts.committed);
  if (told.kind != metadata_kind::map || !told.map.mark)
    return has_entries
             ? at
                 + " was not committed by a source with this change log (its metadata says "
                   "nothing of one), so the two may not belong together"
             : std::string{};
  if (told.map.mark->log_end > facts.log_high)
    return at + " was committed when the change log had come to offset "
           + std::to_string(told.map.mark->log_end) + ", but it ends at "
           + std::to_string(facts.log_high) + ": it was truncated, or deleted and created anew";
  return {};
}

} // namespace keyloom::core
