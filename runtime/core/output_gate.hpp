// The output gate of one partition under exactly once: which complete events leave in the next
// transaction, so that after a crash at any point the events that are out, and their changes to the
// store, are as if all others had never begun (DESIGN section 6).
//
// An event may not leave without: the one before it in its order (of its record key, or of all
// events); the one that last wrote a store key that it writes; and whoever wrote what one of its
// turns could have read. Only events that have not left count. What leaves is the greatest closed
// set of complete events: all but those that need an open one, over whatever path. dependency_graph
// keeps that set as events complete, so building a transaction costs as much as what leaves in it.
// Where the completion map could not name all that would be out (out_runs knows), the greatest
// closed set of the events up to some b leaves, for the largest b that fits.
//
// Outputs leave in event order. Changes leave in the order of turns, across events: turns of
// several events alternate, and the log must end with what the store says.
//
// Store keys and record keys are known by 64-bit hashes; two that share one are taken for one key,
// which can hold an event longer and breaks nothing. Owned by the partition. One thread: its.
//
// What the partition calls:
//   pass_over     for each record that comes already out (inherited), and
//   admit         for each other record, all in the order of offsets, before a turn of it does
//                 anything to a store and before the next record; or
//   pass          for one that is complete by then and did nothing to a store;
//   admit_interjection
//                 for each interjection, between them, when its turn comes;
//   moved_to      when the consumer's position moved on and no record below it is unadmitted;
//   turn          when a turn ended well: what it read and changed. For one that failed: with what
//                 it read and no changes, if its event goes on by policy (skip, dead letter),
//                 because what it read decided that; nothing if the event is to be tried again;
//   complete      when an event's turns are over, however they ended; after `order_gate`, which
//   says
//                 when handlers may run, and whose `released` is not needed here;
//   next          when a transaction may begin: on its cadence, on drain, on stop. Hands over, in
//                 order, first what must be sent again. The records of one transaction go to the
//                 producer when those of all before it are acknowledged (the one before it may have
//                 none); each sends `reached`;
//   committed     when a transaction is known to be in (also after an unknown outcome was settled);
//                 the events' outputs and changes may be dropped then, not before;
//   aborted       when it is known not to be in: it and all after it come out of `next` again.
// The tracker hears of an event that it is out when it is `committed`. When the partition is lost
// the gate goes with it: nothing of it was promised.
#pragma once

#include "runtime/core/departure.hpp"
#include "runtime/core/dependency_graph.hpp"
#include "runtime/core/last_events.hpp"
#include "runtime/core/out_runs.hpp"

#include <keyloom/source_config.hpp>
#include <keyloom/store/scope.hpp>

namespace keyloom::core {

class output_gate {
public:
  struct settings {
    output_order order = output_order::by_key;
    store_scope scope = store_scope::partition;
    size_t map_room = core::map_room(true); ///< bytes for what is out, in the completion map
  };

  /// What a turn did to the store.
  struct access {
    std::span<const uint64_t> reads = {};  ///< hashes of the keys that it read, where tracked
    bool scanned = false;                  ///< it may have read any key, where tracked
    bool touched = false;                  ///< it was given the store to read, where not tracked
    std::span<const uint64_t> writes = {}; ///< hashes of the keys that it changed
    turn_changes* changes = nullptr;       ///< those changes, for the transaction
  };

  /// Leaves as one. What is sent again is what was sent before.
  struct transaction {
    uint64_t number = 0;                ///< counts from 1, in the order they must be committed
    uint32_t attempts = 0;              ///< times `next` gave it out
    std::vector<departure> events;      ///< in event order: so their outputs leave
    std::vector<turn_changes*> changes; ///< in turn order: so their entries leave
    progress reached;                   ///< once it is committed
  };

  /// `start`: the committed offset, and what is out beyond it.
  output_gate(settings cfg, progress start);

  /// The next record. The event is the gate's until it is `committed`, the returned handle until it
  /// has left, or a call of `complete` has made the gate forget it. `key`: the hash of its record
  /// key, if it has one.
  held_event& admit(event& ev, int64_t offset, std::optional<uint64_t> key);

  /// Instead of `admit` and `complete` for the next record, when its only turn is over and neither
  /// read nor changed a store. Returns what `complete` does; null: it is held, as `held` of the
  /// event.
  departure* pass(event& ev, int64_t offset, std::optional<uint64_t> key);

  /// `key`: of the record key whose order and, by scope, whose part of the store it keeps to.
  held_event& admit_interjection(event& ev, std::optional<uint64_t> key = std::nullopt);

  /// The next record, which was out before.
  void pass_over(int64_t offset);

  /// All records below this offset were admitted or passed over.
  void moved_to(int64_t position) { runs_.moved_to(position); }

  /// A turn of the event, which is not complete, did this. In the order of the turns.
  void turn(held_event& ev, const access& what);

  /// Its turns are over. Null, unless it may leave, alone, and nobody will need it: then the gate
  /// has forgotten it but for what is returned, which may be made to do without the event until the
  /// gate is called again.
  departure* complete(held_event& ev);

  /// The next transaction to send, valid until it is committed; null when nothing may leave.
  /// `bare`: one without events will do when the offset or the map moved since the last one.
  const transaction* next(bool bare = false);

  /// The oldest transaction is in. False, and nothing happens, when it is another or was not sent.
  bool committed(uint64_t number);

  /// This transaction and all sent after it are not in. False when it was not sent.
  bool aborted(uint64_t number);

  /// Whether `next` would have events, as far as the map allows.
  bool has_next() const { return sent_ < transactions_.size() || !ready_.empty(); }

  /// The open event that a held one waits for: itself when it is open; null when it may leave.
  static const event* waits_for(held_event& ev);

  /// The oldest transaction that was given out and is not committed; null: there is none.
  const transaction* oldest_sent() const { return sent_ == 0 ? nullptr : &transactions_.front(); }

  /// Transactions that are not committed.
  size_t uncommitted() const { return transactions_.size(); }

  /// Calls `f(const departure&)` with those that are in a transaction which is not committed, and
  /// then with those that may leave, until it returns false.
  template <class Function>
  void each_departure(Function f) const {
    for (auto& each : transactions_)
      for (auto& what : each.events)
        if (!f(what))
          return;
    for (auto& each : ready_)
      if (!f(each.what))
        return;
  }

  /// Events that have not left, and some points where scans and writers meet.
  size_t held() const { return graph_.size() + ready_.size() - ready_in_graph_; }

  /// What is out when all transactions are committed.
  progress reached() const { return runs_.reached(); }

private:
  /// An event that may leave with all it needs, which is here, too.
  struct ready {
    out_runs::leaving at;
    departure what;
    held_event* held; ///< null: nobody will need it
  };

  held_event& enter(event& ev, std::optional<uint64_t> key);
  bool follows_held(std::optional<uint64_t> key) const;
  void note_scope(held_event& ev, const access& what);
  void add_writer(held_event& ev);
  void drop_writer(held_event& ev);
  held_ref meet_writers();
  bool build(transaction& into, bool bare);
  void sort_ready();
  void gather_leaving();
  std::optional<uint64_t> let_leave();
  bool leave_in_line();
  void take(ready& from, transaction& into);

  settings cfg_;
  dependency_graph graph_;
  out_runs runs_;
  uint64_t last_sequence_ = 0;
  uint64_t last_turn_ = 0;
  held_ref last_event_;       ///< by_event: the one before
  last_events last_of_key_;   ///< by_key: by record key
  last_events last_writer_;   ///< by store key
  last_events last_of_scope_; ///< scope record_key: who last wrote a record key's part
  held_ref last_in_store_;    ///< scope partition: who last wrote
  held_ref barrier_;          ///< scope record_key: the last interjection that wrote anywhere
  held_ref meeting_;          ///< needs all writers that are not in the list
  held_event* first_writer_ = nullptr;

  std::vector<ready> ready_;
  size_t ready_in_graph_ = 0;            ///< of these: that are still held
  size_t ready_interjections_ = 0;       ///< of these: without a record
  std::deque<transaction> transactions_; ///< not committed, oldest first
  size_t sent_ = 0;                      ///< of these: given out and not aborted
  uint64_t last_number_ = 0;
  progress told_; ///< by the last transaction that was built

  // of the transaction being built
  size_t sorted_ = 0;    ///< of those that are ready: in event order
  size_t looked_at_ = 0; ///< of those: what could leave is among these first ones
  std::vector<out_runs::leaving> leaving_;
  std::vector<numbered_changes> numbered_;
  transaction spare_;
};

} // namespace keyloom::core
