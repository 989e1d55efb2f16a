#include "tests/unit/core/gate_model.hpp"

#include "runtime/core/out_runs.hpp"

#include <algorithm>

namespace keyloom::test {

gate_model::event* gate_model::admit(int64_t offset, uint64_t key) {
  auto& ev = events_.emplace_back(event{events_.size() + 1, offset, key});
  if (order_ == output_order::by_event)
    need(ev, last_);
  if (order_ == output_order::by_key && key != 0)
    need(ev, std::exchange(last_of_key_[key], &ev));
  last_ = &ev;
  moved_to(offset + 1);
  return &ev;
}

gate_model::event* gate_model::pass_over(int64_t offset) {
  auto& ev = events_.emplace_back(event{events_.size() + 1, offset, 0});
  ev.complete = ev.out = true;
  moved_to(offset + 1);
  return &ev;
}

void gate_model::enter_turn(event& ev, bool uses_store, bool writes) {
  if (!uses_store || scope_ == store_scope::tracked)
    return;
  if (scope_ == store_scope::partition) {
    need(ev, anyone_);
    anyone_ = writes ? &ev : anyone_;
    return;
  }
  need(ev, barrier_);
  if (ev.offset < 0) {
    for (auto& [scope, writer] : of_scope_)
      need(ev, writer);
    barrier_ = writes ? &ev : barrier_;
    return;
  }
  auto& writer = of_scope_[ev.key != 0 ? ev.key : 1000 + ev.sequence];
  need(ev, writer);
  writer = writes ? &ev : writer;
}

/// Returns how many it chose.
size_t gate_model::choose_up_to(uint64_t bound) {
  size_t count = 0;
  for (auto& ev : events_) {
    ev.chosen = !ev.out && ev.complete && ev.sequence <= bound;
    count += ev.chosen;
  }
  auto belongs = [](event* to) { return to->out || to->chosen; };
  for (auto more = true; more;) {
    more = false;
    for (auto& ev : events_)
      if (ev.chosen && !std::all_of(ev.needs.begin(), ev.needs.end(), belongs)) {
        ev.chosen = false;
        more = true;
        --count;
      }
  }
  return count;
}

std::vector<gate_model::event*> gate_model::choose() {
  auto bound = events_.size();
  while (choose_up_to(bound) > 0 && !fits())
    --bound;
  std::vector<event*> result;
  for (auto& ev : events_)
    if (ev.chosen)
      result.push_back(&ev);
  return result;
}

bool gate_model::fits() const {
  auto what = reached(true);
  return core::out_runs::map_bytes(what.beyond, what.offset) <= room_;
}

core::progress gate_model::reached(bool with_chosen) const {
  core::progress result{-1, {}};
  auto in_run = false;
  for (auto& ev : events_) {
    if (ev.offset < 0)
      continue;
    auto out = ev.out || (with_chosen && ev.chosen);
    if (!out && result.offset < 0)
      result.offset = ev.offset;
    if (out && in_run)
      result.beyond.back().end = ev.offset + 1;
    else if (out && result.offset >= 0)
      result.beyond.push_back({ev.offset, ev.offset + 1});
    in_run = out && result.offset >= 0;
  }
  if (result.offset < 0)
    result.offset = position_;
  for (auto& run : start_.beyond) {
    auto begin = std::max(run.begin, position_);
    if (begin >= run.end)
      continue;
    if (std::exchange(in_run, false) && begin == position_)
      result.beyond.back().end = run.end;
    else
      result.beyond.push_back({begin, run.end});
  }
  return result;
}

} // namespace keyloom::test
