// The output gate by its definition, without any thrift: all dependencies of all events, and the
// greatest closed set found by throwing out what does not belong until nothing changes.
#pragma once

#include "runtime/core/completion_map.hpp"

#include <keyloom/source_config.hpp>
#include <keyloom/store/scope.hpp>

#include <deque>
#include <map>
#include <vector>

namespace keyloom::test {

class gate_model {
public:
  struct event {
    uint64_t sequence;
    int64_t offset; ///< -1: an interjection
    uint64_t key;   ///< 0: none
    bool complete = false;
    bool out = false;
    bool chosen = false;            ///< belongs to the set that was looked for last
    std::vector<event*> needs = {}; ///< may be there more than once
  };

  gate_model(output_order order, store_scope scope, core::progress start, size_t room)
    : order_(order), scope_(scope), start_(std::move(start)), position_(start_.offset),
      room_(room) {}

  event* admit(int64_t offset, uint64_t key);
  event* pass_over(int64_t offset);
  void moved_to(int64_t position) { position_ = std::max(position_, position); }

  void enter_turn(event& ev, bool uses_store, bool writes);
  void read(event& ev, int cell) {
    if (scope_ == store_scope::tracked)
      need(ev, dirty_[cell]);
  }
  void write(event& ev, int cell) { need(ev, std::exchange(dirty_[cell], &ev)); }

  /// Chooses what leaves now: the greatest closed set of complete events, of those up to some event
  /// where a map could not name all. In event order.
  std::vector<event*> choose();

  /// Whether a map could name these, too, when they are all the events that are not out and chosen.
  bool fits() const;

  /// What is named as out; with what is chosen, too.
  core::progress reached(bool with_chosen) const;

  std::deque<event>& events() { return events_; }

private:
  static void need(event& from, event* to) {
    if (to != nullptr && to != &from && !to->out)
      from.needs.push_back(to);
  }
  size_t choose_up_to(uint64_t bound);

  output_order order_;
  store_scope scope_;
  core::progress start_;
  int64_t position_;
  size_t room_;
  std::deque<event> events_;
  event* last_ = nullptr;
  std::map<uint64_t, event*> last_of_key_;
  std::map<int, event*> dirty_;
  event* anyone_ = nullptr;
  event* barrier_ = nullptr;
  std::map<uint64_t, event*> of_scope_; ///< by record key; without one: 1000 and the sequence
};

} // namespace keyloom::test
