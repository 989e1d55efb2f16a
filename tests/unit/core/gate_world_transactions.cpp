// How transactions are built from what the gate lets leave, sent, committed and aborted.
#include "tests/unit/core/gate_world_parts.hpp"

#include <algorithm>

namespace keyloom::test {

void gate_world::build() {
  auto may_leave = [](const sim_event* ev) { return ev->complete && !ev->out; };
  auto idle = open_.size() == gate_->uncommitted()
              && std::none_of(events_.begin(), events_.end(), may_leave);
  if (idle && random_.chance(.8)) // mostly not worth the time
    return;
  auto* got = gate_->next(random_.chance(.1));
  check_choice(got);
  if (got == nullptr || !violation_.empty())
    return;
  if (got->attempts > 1) {
    send_again(*got);
    return;
  }
  auto& fresh = *attempts_.emplace_back(std::make_unique<attempt>());
  fresh.number = got->number;
  fresh.reached = got->reached;
  for (auto& each : got->events)
    fresh.events.push_back(&around(each.whole, events_));
  auto turns = got->changes;
  if (!rules_.cycles_leave || !rules_.cut_in_sets) {
    cut(fresh.events);
    turns = turns_of(fresh.events);
    for (auto* ev : fresh.events)
      ev->model->out = true;
    fresh.reached = model_->reached(false);
  } else if (!rules_.entries_by_turn) {
    turns = turns_of(fresh.events);
  }
  for (auto* ev : fresh.events)
    ev->out = ev->model->out = true;
  if (!rules_.keep_map)
    while (core::out_runs::map_bytes(fresh.reached.beyond, fresh.reached.offset)
           > profile_.map_room)
      fresh.reached.beyond.pop_back();
  fill(fresh, turns);
  open_.push_back(&fresh);
  numbered_.push_back(&fresh);
}

/// The same content once more.
void gate_world::send_again(const core::output_gate::transaction& what) {
  auto& before = *numbered_[what.number - 1];
  std::vector<const core::event*> events;
  for (auto* ev : before.events)
    events.push_back(&ev->owner);
  auto same = [](const core::event* ev, const core::departure& each) { return ev == each.whole; };
  if (rules_.whole()
      && !std::equal(events.begin(), events.end(), what.events.begin(), what.events.end(), same))
    wrong("a transaction that is sent again is another");
  auto& again = *attempts_.emplace_back(std::make_unique<attempt>(before));
  again.state = attempt::fate::open;
  again.produced = 0;
  open_.push_back(&again);
  numbered_[what.number - 1] = &again;
}

/// Broken rules: holds back what a gate would that knows no sets. The rest waits for a later one.
void gate_world::cut(std::vector<sim_event*>& leaving) {
  leaving.insert(leaving.end(), held_back_.begin(), held_back_.end());
  std::sort(leaving.begin(), leaving.end(),
            [](auto* a, auto* b) { return a->sequence < b->sequence; });
  held_back_.clear();
  std::vector<sim_event*> kept;
  if (!rules_.cycles_leave) {
    auto ready = [&](const sim_event* ev) {
      return std::all_of(ev->model->needs.begin(), ev->model->needs.end(), [&](auto* to) {
        return to->out || std::any_of(kept.begin(), kept.end(), [to](auto* each) {
                 return each->model == to;
               });
      });
    };
    for (auto it = leaving.begin(); it != leaving.end();) {
      it = std::find_if(leaving.begin(), leaving.end(), ready);
      if (it != leaving.end()) {
        kept.push_back(*it);
        it = leaving.erase(it);
      }
    }
  } else {
    for (auto& each : model_->events())
      each.chosen = false;
    for (auto* ev : leaving)
      ev->model->chosen = true;
    auto fits = model_->fits();
    for (auto* ev : events_) {
      auto it = std::find(leaving.begin(), leaving.end(), ev);
      if (!fits && !ev->out && it == leaving.end())
        break;
      if (it != leaving.end()) {
        kept.push_back(ev);
        leaving.erase(it);
      }
    }
  }
  held_back_ = leaving;
  leaving = kept;
  std::sort(leaving.begin(), leaving.end(),
            [](auto* a, auto* b) { return a->sequence < b->sequence; });
}

/// Those of these events that changed something: in turn order, or, broken, in event order.
std::vector<core::turn_changes*> gate_world::turns_of(const std::vector<sim_event*>& events) const {
  std::vector<sim_turn*> turns;
  for (auto* ev : events)
    for (auto& each : ev->turns)
      if (!each->changes.empty())
        turns.push_back(each.get());
  if (rules_.entries_by_turn)
    std::sort(turns.begin(), turns.end(), [](auto* a, auto* b) { return a->number < b->number; });
  std::vector<core::turn_changes*> result;
  for (auto* each : turns)
    result.push_back(&each->changes);
  return result;
}

void gate_world::fill(attempt& into, std::span<core::turn_changes* const> turns) {
  for (auto* ev : into.events) {
    size_t place = 0;
    for (auto& each : ev->turns)
      for (auto value : each->outputs)
        into.outputs.push_back({ev, place++, value});
  }
  for (auto& entry : chooser_.choose(turns, rules_.coalesce)) {
    auto cell = std::stoi(std::string{entry.key});
    auto value = entry.value ? std::stoi(std::string{*entry.value}) : 0;
    if (!rules_.coalesce_recorded)
      value = store_[static_cast<size_t>(cell)];
    into.entries.emplace_back(cell, value);
  }
}

void gate_world::advance(size_t place) {
  auto& it = *open_[place];
  if (it.produced < it.size()) {
    // All before it, not the one before it alone: that one may have no records at all.
    auto acknowledged = [](const attempt* each) { return each->produced == each->size(); };
    auto end = open_.begin() + static_cast<std::ptrdiff_t>(place);
    if (rules_.produce_in_order && !std::all_of(open_.begin(), end, acknowledged))
      return;
    if (auto i = it.produced++; i < it.outputs.size())
      topic_.emplace_back(&it, it.outputs[i]);
    else
      changelog_.emplace_back(&it, it.entries[i - it.outputs.size()]);
    return;
  }
  if (place != 0 && (rules_.abort_successors || open_[place - 1]->number < it.number))
    return;
  if (std::find(offsets_.begin(), offsets_.end(), &it) == offsets_.end()) {
    offsets_.push_back(&it);
    return;
  }
  it.state = attempt::fate::committed;
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(place));
  if (!gate_->committed(it.number) && rules_.abort_successors)
    wrong("the gate did not expect this commit");
  check();
}

void gate_world::abort(size_t place) {
  auto* first = open_[place];
  auto from = open_.begin() + static_cast<std::ptrdiff_t>(place);
  if (!rules_.abort_successors) { // sent again alone, behind the others
    first->state = attempt::fate::aborted;
    auto& again = *attempts_.emplace_back(std::make_unique<attempt>(*first));
    again.state = attempt::fate::open;
    again.produced = 0;
    open_.erase(from);
    open_.push_back(&again);
    return;
  }
  std::for_each(from, open_.end(), [](auto* each) { each->state = attempt::fate::aborted; });
  open_.erase(from, open_.end());
  if (!gate_->aborted(first->number))
    wrong("the gate did not expect this abort");
}

} // namespace keyloom::test
