// When the handler of an event may run, and when a complete event may be released.
//
// Events of a key that matter to each other stand in a *chain*, in the order of their sequence:
// first those whose handlers ran, then those that wait for their handler. An event leaves the chain
// from its head, when it is complete; so what a key releases is in event order whatever way each
// event took (I7). A key has a chain only while it has events that are not released, so a source
// whose handlers complete at once never makes one.
//
// Turns. serial: a handler waits while its key has a chain at all. interleaved: handlers run on,
// until the chain is closed because `chain_limit` events are held or `chain_time` passed since the
// first was; then the key's handlers wait until all held ones are released, so that a hot key
// cannot hold itself forever.
//
// An event whose handler failed and is called again later is *parked*: it has a chain whatever the
// settings, and no other handler of its key runs meanwhile.
//
// Release. by_key: when an event leaves its chain. by_event: then, and not before all events of
// lower sequence. none: when complete. Events without a key, interjections among them, have no
// chain. One thread: the partition's.
#pragma once

#include "runtime/core/event.hpp"
#include "runtime/core/key_table.hpp"

#include <keyloom/source_config.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>

namespace keyloom::core {

using steady_time = std::chrono::steady_clock::time_point;

/// The events of one key that are not released, oldest first.
struct key_chain {
  std::string key;
  uint64_t hash = 0;
  event* head = nullptr;
  event* tail = nullptr;
  event* first_waiting = nullptr;
  uint32_t held = 0; ///< events whose handlers ran
  steady_time opened{};
  bool closed = false;
  bool parked = false;           ///< an event waits for its handler to be called again
  const event* stands = nullptr; ///< one with something that is to be called again
};

class order_gate {
public:
  struct settings {
    output_order order = output_order::by_key;
    bool serial = false;
    uint32_t chain_limit = 1000;
    std::chrono::milliseconds chain_time{1000};
  };

  /// What became possible because an event completed, in the order to do it.
  struct permits {
    std::vector<event*> released;
    std::vector<event*> runnable; ///< call their handlers now
  };

  explicit order_gate(settings cfg) : cfg_(cfg) {}

  /// Asks for the turn of a new event, which gets the next sequence. False: it waits here and comes
  /// out as `runnable`.
  bool enter(event& ev, steady_time now);

  /// The event's handler ran and did not complete it: later events of its key stand behind it.
  void hold(event& ev, steady_time now);

  /// The event's handler is to be called again: until then no other handler of its key is called.
  /// Those behind it that were `runnable` wait again. `unpark` comes before the call.
  void park(event& ev, steady_time now);
  void unpark(event& ev);

  /// The handler of an event that was parked has run for the last time: what `interleaved` lets run
  /// behind it is added to `out`.
  void resume(event& ev, steady_time now, permits& out);

  /// The event waits until something of it is called again, and others of its key with it: calls
  /// `f` with those that are there. `stands_behind` is true for those that come until it is
  /// released.
  template <class Function>
  void stands(event& ev, Function f) {
    if (ev.chain == nullptr || ev.chain->stands != nullptr)
      return;
    ev.chain->stands = &ev;
    for (auto* each = ev.chain->head; each != nullptr; each = each->next_in_chain)
      if (each != &ev)
        f(*each);
  }
  bool stands_behind(const event& ev) const {
    return ev.chain != nullptr && ev.chain->stands != nullptr;
  }

  /// The event is complete. Adds what may go on to `out`.
  void completed(event& ev, steady_time now, permits& out);

  /// by_event: the complete event waits for one of lower sequence.
  bool holds_back(const event& ev) const {
    return cfg_.order == output_order::by_event && ev.sequence >= next_release_;
  }

  /// Keys with events that are not released.
  size_t keys() const { return chains_.size(); }

private:
  bool uses_chains() const { return cfg_.serial || cfg_.order == output_order::by_key; }
  bool must_wait(key_chain& chain, steady_time now) const;
  void append(key_chain& chain, event& ev);
  void pop_head(key_chain& chain);
  void leave_chain(event& ev, steady_time now, permits& out);
  void let_waiting_run(key_chain& chain, steady_time now, permits& out);
  void release(event& ev, permits& out);
  key_chain& make_chain(const record& rec, steady_time now);
  void drop_chain(key_chain& chain);

  settings cfg_;
  key_table<key_chain> chains_;
  std::deque<key_chain> storage_;
  std::vector<key_chain*> free_;
  std::deque<event*> in_sequence_; ///< by_event: complete events, from next_release_ on, or null
  uint64_t next_release_ = 0;
  uint64_t next_sequence_ = 0;
};

} // namespace keyloom::core
