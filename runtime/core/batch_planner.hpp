// Who goes into which batch. Items come in sets, one for what an event adds, and leave in batches
// that are executed at once, as many at a time as is allowed:
//   - a key is in one batch at a time (I11). Its items wait in line, in the order added, and leave
//     together as far as they fit; so several events of a key may share a batch, and what is beyond
//     the limits follows in the next one.
//   - keys take turns: who becomes *ready* (has items, and none of them in a batch) goes to the
//   end.
//   - a batch is full when it has `max_items`, or the next item would be beyond `max_bytes`; an
//   item
//     that is larger goes alone. A full batch leaves at once. A partial one leaves when its first
//     key has been ready for `delay`, or when somebody is hurried.
//   - an item that failed may be executed again: it goes back to the front of its key's line, and
//     the key is *parked* until it is due. What was executed behind it waits for it, so sets come
//     back in the key's order.
//   - a set without items stands in the line of its key, takes no room, and is over when all before
//     it are.
// Every set that was added comes back, once, when none of its items is left to wait for; sets of
// which each has items of one key only come back in that key's order.
//
// What it costs does not depend on how many items or keys there are, but for `drop` and `hurry`,
// which look at all that wait, `standing`, and a key that is parked, whose line is looked at. Knows
// sets and items, not what they are of; time comes in as an argument. One thread.
#pragma once

#include "runtime/core/order_gate.hpp"

#include <keyloom/detail/batch_job.hpp>

#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <vector>

namespace keyloom::core {

/// The line of one key, while it has items: the planner's own.
struct batch_lane {
  std::string key;
  uint64_t hash = 0;
  bool keyed = false;                      ///< in the table of keys
  bool busy = false;                       ///< has items in a batch
  bool ready = false;                      ///< has items, and none in a batch or parked
  std::optional<steady_time> parked_until; ///< its first item is to be executed again
  steady_time ready_since{};
  detail::batch_entry* first = nullptr; ///< waiting, in the order added
  detail::batch_entry* last = nullptr;
  uint64_t items = 0; ///< waiting
  uint64_t bytes = 0;
};

/// Items that are executed at once.
struct batch {
  std::vector<detail::batch_entry*> items; ///< for the executor, in order
  uint64_t bytes = 0;
  steady_time left{}; ///< when the planner gave it out

  /// The planner's: what it has of one key, also what rides with the items.
  struct part {
    batch_lane* lane = nullptr;
    detail::batch_entry* first = nullptr;
    detail::batch_entry* last = nullptr;
  };
  std::vector<part> parts;
};

/// Asked of an item that was executed and has an error: when it is to be executed again; nothing:
/// the error is its result.
using again_function = std::function<std::optional<steady_time>(detail::batch_entry&, steady_time)>;

class batch_planner {
public:
  struct settings {
    uint32_t max_items = 1;
    uint32_t max_batches = 1; ///< under way at once
    uint64_t max_bytes = 0;   ///< 0: no limit
    std::chrono::nanoseconds delay{0};
    again_function again = nullptr; ///< empty: no item is
  };

  explicit batch_planner(settings how) : how_(std::move(how)) {}
  batch_planner(const batch_planner&) = delete;
  batch_planner& operator=(const batch_planner&) = delete;

  /// Puts the items of a set behind all earlier ones of their keys. The set lies still until it
  /// comes back in `take_ended`. `now` never goes back from one call to the next.
  void add(detail::batch_job& set, steady_time now);

  /// A batch that leaves now; null: none does. It is the planner's, and lies still until it was
  /// `executed`. To be asked again until there is none.
  batch* next(steady_time now);

  /// The batch has been executed.
  void executed(batch& done, steady_time now);

  /// The sets of this owner must not wait for others to fill their batches, those still to come
  /// neither.
  void hurry(const void* owner);

  /// Nothing of this owner that has not begun may begin: what waits is over, the rest when it comes
  /// back.
  void drop(const void* owner, steady_time now);

  /// The sets that are over, in order, since the last time.
  std::vector<detail::batch_job*> take_ended() { return std::exchange(ended_, {}); }

  /// The sets that wait for an item to be executed again, theirs or one before it in their key,
  /// since the last time; to be taken before the ended ones. Those with items that failed each
  /// time.
  std::vector<detail::batch_job*> take_waiting() { return std::exchange(parked_sets_, {}); }

  /// When to ask `next` again, if nothing happens before.
  std::optional<steady_time> next_deadline() const;

  /// Sets of an owner that cannot go on before something is executed again, and have nothing in a
  /// batch: who drains need not wait for them. Looks at all keys that are parked.
  uint64_t standing(const void* owner) const;

  uint64_t waiting() const { return waiting_; }     ///< items in no batch
  uint64_t parked() const { return parked_items_; } ///< of them, to be executed again
  uint64_t retries() const { return retries_; }     ///< items that were, so far
  uint32_t running() const { return running_; }     ///< batches under way

private:
  batch_lane& lane_of(const detail::batch_entry& item);
  batch_lane& take_lane();
  void free_lane(batch_lane& freed);
  void add_to(batch_lane& lane, detail::batch_entry& item, steady_time now);
  void make_ready(batch_lane& lane, steady_time now);
  bool leaves(steady_time now) const;
  bool fits(const batch& into, const detail::batch_entry& item) const;
  bool fill_from(batch_lane& lane, batch& into);
  void take_out(batch_lane& lane, detail::batch_entry& item);
  void begin(detail::batch_entry& item, batch& in, batch::part& of);
  void come_back(batch::part& part, steady_time now);
  std::optional<steady_time> ended_call(detail::batch_entry& item, steady_time now);
  void put_back(batch_lane& lane, batch::part& rest);
  void park(batch_lane& lane, steady_time due);
  void unpark(batch_lane& lane);
  void tell(detail::batch_job& set);
  void unpark_due(steady_time now);
  void end(detail::batch_entry& item);
  void end_turns(batch_lane& lane);
  void drop_from(batch_lane& lane, const void* owner);
  void drop_ready(steady_time now);
  void drop_parked(steady_time now);
  void go_on(batch_lane& lane, steady_time now);

  settings how_;
  std::deque<batch_lane> lanes_;
  std::vector<batch_lane*> free_lanes_;
  key_table<batch_lane> keys_;
  std::deque<batch_lane*> ready_;
  uint64_t ready_items_ = 0;
  uint64_t ready_bytes_ = 0;
  std::deque<batch> batches_;
  std::vector<batch*> free_batches_;
  std::set<std::pair<steady_time, batch_lane*>> parked_; ///< lanes, by when they go on
  uint64_t parked_items_ = 0;
  uint64_t retries_ = 0;
  std::vector<const void*> hurried_;
  uint64_t hurried_waiting_ = 0; ///< items of the hurried in no batch
  uint64_t waiting_ = 0;
  uint32_t running_ = 0;
  std::vector<detail::batch_job*> parked_sets_;
  std::vector<detail::batch_job*> ended_;
};

} // namespace keyloom::core
