// An event as the output gate sees it: from its admission until it leaves in a transaction, or may
// leave and nobody will need it. Made
// and recycled by the gate's dependency_graph, so an address is used again; whoever remembers one
// keeps a held_ref, which knows when the event has left. One thread: the partition's.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace keyloom::core {

struct event;
struct held_event;
class turn_changes;

/// Remembers an event that may have left meanwhile.
struct held_ref {
  held_event* at = nullptr;
  uint64_t id = 0;

  /// It is still held.
  bool alive() const;
};

/// What a turn changed, and when the turn was.
struct numbered_changes {
  uint64_t turn = 0;
  turn_changes* changes = nullptr;
};

struct held_event {
  enum class standing : uint8_t {
    open,  ///< its turns are not over
    tied,  ///< complete, and needs an open event, over whatever path
    loose, ///< complete, and so is all it needs
  };

  static constexpr uint64_t no_record = std::numeric_limits<uint64_t>::max();

  uint64_t id = 0;       ///< never used twice; 0: has left
  uint64_t sequence = 0; ///< in the order of admission; 0: a meeting point, no event at all
  event* owner = nullptr;

  uint64_t record = no_record; ///< counts records alone, without gaps; an interjection has none
  uint64_t key = 0;
  bool has_key = false;
  bool writes = false; ///< it changed the store

  std::vector<numbered_changes> changes; ///< of its turns, in their order

  // -- dependency_graph --------------------------------------------------------------------------
  standing state = standing::open;
  uint64_t reach = 0; ///< loose: the highest sequence of what must leave with it, itself included
  std::vector<held_ref> needs;      ///< "not without": while not loose
  uint32_t cursor = 0;              ///< of `needs`: what is before it ties no more
  held_event* tied_to = nullptr;    ///< tied: the open event, or one that is tied to it
  held_event* first_tied = nullptr; ///< open: those that are tied to it
  held_event* last_tied = nullptr;
  held_event* next_tied = nullptr;
  uint64_t looked_at = 0;
  uint32_t index = 0; ///< as Tarjan has it; 0: not visited
  uint32_t low = 0;

  // -- writers that no scan has seen yet (output_gate) -------------------------------------------
  held_event* writer_before = nullptr;
  held_event* writer_after = nullptr;
  bool among_writers = false;

  held_ref ref() { return {this, id}; }
};

inline bool held_ref::alive() const {
  return at != nullptr && at->id == id;
}

} // namespace keyloom::core
