// Which complete events need no event that is still open: the greatest closed set, kept up to date
// as events complete. "a needs b" means: a may not leave without b. Needs may form cycles, so an
// event is not told by counting what it waits for.
//
// An event gets needs only while it is open, so what a complete one reaches is fixed: once nothing
// open is among it, the event is *loose* for good. Every other complete event is *tied* to one open
// event that it reaches, in a union-find; to a young one, which mostly completes late. When that
// one completes, one search from it finds another open event, and then all that is tied moves there
// in one step; or it finds none: then what was searched is loose, being one strongly connected
// component, and those left of the group are looked at each (Tarjan's components), and become loose
// or tied to another.
//
// So an event without needs costs a few nanoseconds, one behind a straggler is not looked at until
// that straggler completes, and nobody ever walks over all events. What leaves is loose, and so is
// all it needs; `reach` tells up to where that goes, for who may let leave a part only. One thread.
#pragma once

#include "runtime/core/held_event.hpp"

#include <cstddef>
#include <deque>
#include <vector>

namespace keyloom::core {

class dependency_graph {
public:
  /// A new event, open.
  held_event& make(uint64_t sequence, event& owner) { return make(sequence, &owner); }

  /// `from`, which is open, may not leave without `to`. Nothing when `to` has left.
  void need(held_event& from, const held_ref& to);

  /// The event's turns are over: it needs nothing more.
  void complete(held_event& ev);

  /// What events need through a meeting point they need of what was told as its needs: it saves
  /// telling each of them each of those. It is no event and leaves by itself.
  held_event& make_meeting() { return make(0, nullptr); }

  /// Events that may leave, each with all it needs: the caller takes them from here. They leave in
  /// whole sets: those whose `reach` is at most some sequence.
  std::vector<held_event*>& loose() { return loose_; }

  /// It leaves: nothing depends on it any more.
  void leave(held_event& ev);

  /// All loose events up to this reach have left: the meeting points among them go, too.
  void left_up_to(uint64_t reach);

  /// Open: itself; tied: the open event it is tied to; loose: null.
  static const held_event* holder(held_event& ev);

  /// Events that have not left, with meeting points.
  size_t size() const { return storage_.size() - unused_.size(); }

private:
  struct frame {
    held_event* at;
    uint32_t next; ///< of its needs
  };

  held_event& make(uint64_t sequence, event* owner);
  static held_event& root_of(held_event& ev);
  static void tie(held_event& ev, held_event& to);
  static void pass_loose(held_event& ev);
  static held_event* youngest_holder(held_event& ev);
  held_event* search(held_event& from);
  void loosen(held_event* const* first, size_t count);
  bool visit(held_event& ev);
  void settle(held_event& ev);
  void tie_visited(held_event& to);

  std::deque<held_event> storage_;
  std::vector<held_event*> unused_;
  std::vector<held_event*> loose_;
  std::vector<held_event*> loose_meetings_;
  uint64_t last_id_ = 0;

  // of the search under way
  uint64_t pass_ = 0;
  uint32_t last_index_ = 0;
  std::vector<held_event*> found_;
  std::vector<held_event*> group_;
  std::vector<held_event*> visited_;
  std::vector<frame> path_;
};

} // namespace keyloom::core
