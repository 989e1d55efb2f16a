#include "runtime/core/output_gate.hpp"

#include <algorithm>
#include <utility>

namespace keyloom::core {

output_gate::output_gate(settings cfg, progress start)
  : cfg_(cfg), runs_(start, cfg.map_room), told_(std::move(start)) {}

held_event& output_gate::admit(event& ev, int64_t offset, std::optional<uint64_t> key) {
  auto& held = enter(ev, key);
  held.record = runs_.admit(offset);
  return held;
}

// Nobody comes to need it, so neither the graph nor who comes next of its key has to know it.
departure* output_gate::pass(event& ev, int64_t offset, std::optional<uint64_t> key) {
  if (follows_held(key)) {
    ev.held = &admit(ev, offset, key);
    return complete(*ev.held);
  }
  auto sequence = ++last_sequence_;
  ready_.push_back({{runs_.admit(offset), sequence, sequence}, {.whole = &ev}, nullptr});
  return &ready_.back().what;
}

/// Whether the next record is behind one in its order that is held and may not leave yet.
bool output_gate::follows_held(std::optional<uint64_t> key) const {
  held_ref before;
  if (cfg_.order == output_order::by_event)
    before = last_event_;
  else if (cfg_.order == output_order::by_key && key)
    before = last_of_key_.find(*key);
  return before.alive() && before.at->state != held_event::standing::loose;
}

held_event& output_gate::admit_interjection(event& ev, std::optional<uint64_t> key) {
  return enter(ev, key);
}

void output_gate::pass_over(int64_t offset) {
  runs_.pass_over(offset);
}

held_event& output_gate::enter(event& ev, std::optional<uint64_t> key) {
  auto& held = graph_.make(++last_sequence_, ev);
  if (key) {
    held.has_key = true;
    held.key = *key;
  }
  if (cfg_.order == output_order::by_event)
    graph_.need(held, std::exchange(last_event_, held.ref()));
  else if (cfg_.order == output_order::by_key && key)
    graph_.need(held, last_of_key_.put(*key, held));
  return held;
}

void output_gate::turn(held_event& ev, const access& what) {
  ++last_turn_;
  note_scope(ev, what);
  for (auto key : what.writes)
    graph_.need(ev, last_writer_.put(key, ev));
  if (!what.writes.empty())
    add_writer(ev);
  if (what.changes != nullptr)
    ev.changes.push_back({last_turn_, what.changes});
}

/// Who wrote what the turn could have read.
void output_gate::note_scope(held_event& ev, const access& what) {
  auto wrote = !what.writes.empty();
  if (cfg_.scope == store_scope::tracked) {
    if (what.scanned)
      graph_.need(ev, meet_writers());
    for (auto key : what.reads)
      graph_.need(ev, last_writer_.find(key));
    return;
  }
  if (!what.touched && !wrote)
    return;
  if (cfg_.scope == store_scope::partition) { // each writer needs the one before it
    graph_.need(ev, last_in_store_);
    if (wrote)
      last_in_store_ = ev.ref();
    return;
  }
  graph_.need(ev, barrier_);
  if (ev.record == held_event::no_record && !ev.has_key) {
    graph_.need(ev, meet_writers());
    if (wrote)
      barrier_ = ev.ref();
  } else if (ev.has_key) {
    graph_.need(ev, wrote ? last_of_scope_.put(ev.key, ev) : last_of_scope_.find(ev.key));
  }
}

void output_gate::add_writer(held_event& ev) {
  if (std::exchange(ev.writes, true) || cfg_.scope == store_scope::partition)
    return;
  ev.among_writers = true;
  ev.writer_before = nullptr;
  ev.writer_after = first_writer_;
  if (first_writer_ != nullptr)
    first_writer_->writer_before = &ev;
  first_writer_ = &ev;
}

void output_gate::drop_writer(held_event& ev) {
  if (!std::exchange(ev.among_writers, false))
    return;
  (ev.writer_before == nullptr ? first_writer_ : ev.writer_before->writer_after) = ev.writer_after;
  if (ev.writer_after != nullptr)
    ev.writer_after->writer_before = ev.writer_before;
}

/// What needs all that wrote so far and has not left. Each writer is added to one meeting point,
/// and each of these needs the one before, so many scans cost no more than there are writers.
held_ref output_gate::meet_writers() {
  if (first_writer_ == nullptr)
    return meeting_;
  auto& meeting = graph_.make_meeting();
  graph_.need(meeting, meeting_);
  while (first_writer_ != nullptr) {
    graph_.need(meeting, first_writer_->ref());
    drop_writer(*first_writer_);
  }
  meeting_ = meeting.ref();
  graph_.complete(meeting);
  return meeting_;
}

// An event may come to need a later one by what that one wrote, and by nothing else. So who changed
// nothing and needs no later one leaves before whoever will need it, and need not be held.
departure* output_gate::complete(held_event& ev) {
  graph_.complete(ev);
  departure* result = nullptr;
  auto& loose = graph_.loose(); // `ev` is the first, if it is
  for (auto i = loose.size(); i-- > 0;) {
    auto& each = *loose[i];
    auto& made = ready_.emplace_back(
      ready{{each.record, each.reach, each.sequence}, {.whole = each.owner}, &each});
    ready_interjections_ += each.record == held_event::no_record ? 1 : 0;
    if (each.writes || !each.changes.empty() || each.reach != each.sequence) {
      ++ready_in_graph_;
      continue;
    }
    made.held = nullptr;
    graph_.leave(each);
    if (i == 0)
      result = &made.what;
  }
  loose.clear();
  return result;
}

const output_gate::transaction* output_gate::next(bool bare) {
  if (sent_ == transactions_.size()) {
    if (!build(spare_, bare))
      return nullptr;
    spare_.number = ++last_number_;
    spare_.attempts = 0;
    transactions_.push_back(std::move(spare_));
    spare_ = {};
  }
  auto& result = transactions_[sent_++];
  ++result.attempts;
  return &result;
}

bool output_gate::committed(uint64_t number) {
  if (sent_ == 0 || transactions_.front().number != number)
    return false;
  spare_ = std::move(transactions_.front());
  spare_.events.clear();
  spare_.changes.clear();
  transactions_.pop_front();
  --sent_;
  return true;
}

bool output_gate::aborted(uint64_t number) {
  auto place = transactions_.empty() ? sent_ : number - transactions_.front().number;
  if (place >= sent_)
    return false;
  sent_ = place;
  return true;
}

const event* output_gate::waits_for(held_event& ev) {
  auto* holder = dependency_graph::holder(ev);
  return holder == nullptr ? nullptr : holder->owner;
}

bool output_gate::build(transaction& into, bool bare) {
  if (auto reach = let_leave()) {
    numbered_.clear();
    auto end = ready_.begin() + static_cast<std::ptrdiff_t>(looked_at_);
    ready_.erase(std::remove_if(ready_.begin(), end,
                                [&](ready& each) {
                                  if (each.at.reach > *reach)
                                    return false;
                                  take(each, into);
                                  return true;
                                }),
                 end);
    sorted_ = ready_.size();
    graph_.left_up_to(*reach);
    auto earlier = [](const numbered_changes& a, const numbered_changes& b) {
      return a.turn < b.turn;
    };
    if (!std::is_sorted(numbered_.begin(), numbered_.end(), earlier))
      std::sort(numbered_.begin(), numbered_.end(), earlier);
    for (auto& each : numbered_)
      into.changes.push_back(each.changes);
  } else {
    graph_.left_up_to(0);
  }
  if (into.events.empty() && !bare)
    return false;
  into.reached = runs_.reached();
  auto moved = into.reached.offset != told_.offset || into.reached.beyond != told_.beyond;
  if (into.events.empty() && !moved)
    return false;
  told_ = into.reached;
  return true;
}

void output_gate::sort_ready() {
  auto earlier = [](const ready& a, const ready& b) { return a.at.sequence < b.at.sequence; };
  auto fresh = ready_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  if (!std::is_sorted(fresh, ready_.end(), earlier))
    std::sort(fresh, ready_.end(), earlier);
  if (fresh != ready_.begin() && fresh != ready_.end() && earlier(*fresh, *std::prev(fresh)))
    std::inplace_merge(ready_.begin(), fresh, ready_.end(), earlier);
  sorted_ = ready_.size();
}

/// Looks through those that are ready as far as some of them could leave.
void output_gate::gather_leaving() {
  constexpr size_t first_step = 4096; // each is as long as all before it
  leaving_.clear();
  looked_at_ = 0;
  while (looked_at_ < ready_.size() && leaving_.size() == looked_at_) {
    auto end = std::min(looked_at_ + std::max(looked_at_, first_step), ready_.size());
    for (; looked_at_ < end; ++looked_at_)
      leaving_.push_back(ready_[looked_at_].at);
    leaving_.resize(runs_.plausible(leaving_));
  }
}

/// Counts as out what leaves now: what is ready up to this reach; none: nothing.
std::optional<uint64_t> output_gate::let_leave() {
  if (ready_.empty())
    return std::nullopt;
  sort_ready();
  if (leave_in_line())
    return std::numeric_limits<uint64_t>::max();
  gather_leaving();
  if (leaving_.size() == looked_at_ && runs_.leave(leaving_))
    return std::numeric_limits<uint64_t>::max();
  if (leaving_.size() < looked_at_) { // who needs one behind the last plausible cannot leave
    auto end = ready_[leaving_.size()].at.sequence;
    std::erase_if(leaving_, [&](const out_runs::leaving& each) { return each.reach >= end; });
  }
  auto reach = runs_.best_reach(leaving_);
  if (!reach)
    return std::nullopt;
  std::erase_if(leaving_, [&](const out_runs::leaving& each) { return each.reach > *reach; });
  if (!runs_.leave(leaving_))
    return std::nullopt;
  return reach;
}

/// What is ready are all records from the lowest that is not out on, which is mostly so without
/// jobs. What the map would name is known then without a look at each.
bool output_gate::leave_in_line() {
  auto first = ready_.front().at.record;
  auto last = ready_.back().at.record;
  if (ready_interjections_ > 0 || last - first + 1 != ready_.size()
      || !runs_.leave_in_line(first, last))
    return false;
  looked_at_ = ready_.size();
  return true;
}

void output_gate::take(ready& from, transaction& into) {
  into.events.push_back(from.what);
  ready_interjections_ -= from.at.record == held_event::no_record ? 1 : 0;
  if (from.held == nullptr)
    return;
  auto& ev = *from.held;
  --ready_in_graph_;
  numbered_.insert(numbered_.end(), ev.changes.begin(), ev.changes.end());
  drop_writer(ev);
  graph_.leave(ev);
}

} // namespace keyloom::core
