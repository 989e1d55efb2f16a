#include "runtime/core/dependency_graph.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace keyloom::core {

namespace {

using standing = held_event::standing;

/// More than this is not kept for the next event.
constexpr size_t kept_capacity = 64;

/// So many needs are looked at for the youngest that holds.
constexpr size_t most_compared = 32;

bool holds(const held_ref& need) {
  return need.alive() && need.at->state != standing::loose;
}

} // namespace

held_event& dependency_graph::make(uint64_t sequence, event* owner) {
  if (unused_.empty())
    unused_.push_back(&storage_.emplace_back());
  auto& ev = *unused_.back();
  unused_.pop_back();
  ev.id = ++last_id_;
  ev.sequence = sequence;
  ev.owner = owner;
  ev.state = standing::open;
  return ev;
}

void dependency_graph::need(held_event& from, const held_ref& to) {
  if (!to.alive() || to.at == &from)
    return;
  if (to.at->state == standing::loose && to.at->reach <= from.sequence)
    return; // leaves with `from` whatever part may
  if (from.needs.empty() || from.needs.back().id != to.id)
    from.needs.push_back(to);
}

void dependency_graph::complete(held_event& ev) {
  ev.state = standing::tied;
  auto* first_tied = std::exchange(ev.first_tied, nullptr);
  auto* last_tied = std::exchange(ev.last_tied, nullptr);
  if (auto* open = search(ev)) {
    tie(ev, *open);
    if (first_tied != nullptr) {
      open->last_tied->next_tied = first_tied;
      open->last_tied = last_tied;
    }
    return;
  }
  // All that was found is tied to `ev`, so it needs `ev`, too, and cannot leave without the others.
  loosen(found_.data(), found_.size());
  group_.clear();
  while (first_tied != nullptr) {
    auto& tied = *first_tied;
    first_tied = std::exchange(tied.next_tied, nullptr);
    if (tied.state == standing::loose)
      continue;
    tied.tied_to = nullptr;
    group_.push_back(&tied);
  }
  last_index_ = 0;
  for (auto* tied : group_)
    if (tied->state == standing::tied && tied->tied_to == nullptr)
      settle(*tied);
}

void dependency_graph::leave(held_event& ev) {
  ev.id = 0;
  ev.owner = nullptr;
  ev.record = held_event::no_record;
  ev.has_key = false;
  ev.writes = false;
  ev.changes.clear();
  unused_.push_back(&ev);
}

void dependency_graph::left_up_to(uint64_t reach) {
  std::erase_if(loose_meetings_, [this, reach](held_event* each) {
    if (each->reach > reach)
      return false;
    leave(*each);
    return true;
  });
}

const held_event* dependency_graph::holder(held_event& ev) {
  return ev.state == standing::loose ? nullptr : &root_of(ev);
}

/// The open event that this one is tied to; one that is not open, while it is being looked for.
held_event& dependency_graph::root_of(held_event& ev) {
  auto* at = &ev;
  while (at->tied_to != nullptr) {
    if (at->tied_to->tied_to != nullptr)
      at->tied_to = at->tied_to->tied_to;
    at = at->tied_to;
  }
  return *at;
}

void dependency_graph::tie(held_event& ev, held_event& to) {
  ev.tied_to = &to;
  ev.next_tied = nullptr;
  (to.first_tied == nullptr ? to.first_tied : to.last_tied->next_tied) = &ev;
  to.last_tied = &ev;
}

void dependency_graph::pass_loose(held_event& ev) {
  while (ev.cursor < ev.needs.size() && !holds(ev.needs[ev.cursor]))
    ++ev.cursor;
}

/// Of the open events that `ev` needs, or that what it needs is tied to, the youngest: mostly it
/// completes last, so that `ev` has to be looked at once. Null: there is none.
held_event* dependency_graph::youngest_holder(held_event& ev) {
  pass_loose(ev);
  held_event* result = nullptr;
  size_t seen = 0;
  for (auto& need : std::span{ev.needs}.subspan(ev.cursor)) {
    if (!holds(need))
      continue;
    auto& root = root_of(*need.at);
    if (root.state == standing::open && (result == nullptr || root.sequence > result->sequence))
      result = &root;
    if (++seen >= most_compared && result != nullptr)
      break;
  }
  return result;
}

/// An open event that `from` reaches. Null: there is none, and `found_` is all it reaches that was
/// tied to it.
held_event* dependency_graph::search(held_event& from) {
  ++pass_;
  found_.assign(1, &from);
  from.looked_at = pass_;
  for (size_t i = 0; i < found_.size(); ++i) {
    auto& at = *found_[i];
    if (auto* open = youngest_holder(at))
      return open;
    for (auto& need : std::span{at.needs}.subspan(at.cursor))
      if (holds(need) && std::exchange(need.at->looked_at, pass_) != pass_)
        found_.push_back(need.at);
  }
  return nullptr;
}

/// These need each other, and beside themselves only what is loose or has left.
void dependency_graph::loosen(held_event* const* first, size_t count) {
  std::span members{first, count};
  uint64_t reach = 0;
  for (auto* ev : members) {
    reach = std::max(reach, ev->sequence);
    for (auto& need : ev->needs)
      if (need.alive() && need.at->state == standing::loose)
        reach = std::max(reach, need.at->reach);
  }
  for (auto* ev : members) {
    ev->state = standing::loose;
    ev->reach = reach;
    ev->tied_to = nullptr;
    ev->index = 0;
    ev->cursor = 0;
    if (ev->needs.capacity() > kept_capacity)
      ev->needs = {};
    ev->needs.clear();
    (ev->owner == nullptr ? loose_meetings_ : loose_).push_back(ev);
  }
}

/// Goes to an event that was not visited; false: it is tied now, with all that was visited and not
/// settled, which reaches the end of the path and so this event.
bool dependency_graph::visit(held_event& ev) {
  ev.index = ev.low = ++last_index_;
  visited_.push_back(&ev);
  if (auto* open = youngest_holder(ev)) {
    tie_visited(*open);
    return false;
  }
  path_.push_back({&ev, ev.cursor});
  return true;
}

/// Makes `ev`, and what it reaches of its group, loose or tied.
void dependency_graph::settle(held_event& ev) {
  visit(ev);
  while (!path_.empty()) {
    auto& at = *path_.back().at;
    if (path_.back().next < at.needs.size()) {
      auto need = at.needs[path_.back().next++];
      if (!holds(need)) // it has become loose
        continue;
      if (need.at->index != 0)
        at.low = std::min(at.low, need.at->index);
      else if (!visit(*need.at))
        return;
      continue;
    }
    path_.pop_back();
    if (at.low == at.index) {
      auto first = std::find(visited_.rbegin(), visited_.rend(), &at).base() - 1;
      loosen(&*first, static_cast<size_t>(visited_.end() - first));
      visited_.erase(first, visited_.end());
    } else {
      auto& below = *path_.back().at;
      below.low = std::min(below.low, at.low);
    }
  }
}

void dependency_graph::tie_visited(held_event& to) {
  for (auto* ev : visited_) {
    ev->index = 0;
    tie(*ev, to);
  }
  visited_.clear();
  path_.clear();
}

} // namespace keyloom::core
