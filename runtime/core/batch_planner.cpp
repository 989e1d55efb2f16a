#include "runtime/core/batch_planner.hpp"

#include "runtime/core/work_memory.hpp"

#include <algorithm>

namespace keyloom::core {

using detail::batch_entry;
using detail::batch_job;

namespace {

/// Takes no room in a batch, and is over when all before it in its key are: a set without items, or
/// what was executed already and waits for one that is executed again.
bool rides(const batch_entry& item) {
  return item.executed || &item == &item.set->turn;
}

/// At the end of a list that `first` and `last` are the ends of.
void append(batch_entry& item, batch_entry*& first, batch_entry*& last) {
  item.next = nullptr;
  (first == nullptr ? first : last->next) = &item;
  last = &item;
}

} // namespace

void batch_planner::add(batch_job& set, steady_time now) {
  auto count = set.size();
  set.open = static_cast<uint32_t>(std::max<size_t>(count, 1));
  set.executing = 0;
  set.again = 0;
  set.told = false;
  set.hurried = std::ranges::find(hurried_, set.owner) != hurried_.end();
  if (count == 0) {
    set.turn.key = set.key;
    set.turn.key_hash = set.key_hash;
    set.turn.set = &set;
    auto* lane = set.key.data() == nullptr ? nullptr : keys_.find(set.key, set.key_hash);
    if (lane == nullptr)
      end(set.turn); // nothing to wait for
    else
      append(set.turn, lane->first, lane->last);
    if (lane != nullptr && lane->parked_until)
      tell(set);
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    auto& item = set.at(i);
    item.set = &set;
    add_to(lane_of(item), item, now);
  }
}

void batch_planner::add_to(batch_lane& lane, batch_entry& item, steady_time now) {
  append(item, lane.first, lane.last);
  ++lane.items;
  lane.bytes += item.bytes;
  ++waiting_;
  hurried_waiting_ += item.set->hurried ? 1 : 0;
  if (lane.ready) {
    ++ready_items_;
    ready_bytes_ += item.bytes;
  } else if (lane.parked_until) {
    tell(*item.set);
  } else if (!lane.busy) {
    make_ready(lane, now);
  }
}

batch_lane& batch_planner::lane_of(const batch_entry& item) {
  if (item.key.data() == nullptr)
    return take_lane();
  if (auto* known = keys_.find(item.key, item.key_hash))
    return *known;
  auto& fresh = take_lane();
  fresh.key.assign(item.key);
  fresh.hash = item.key_hash;
  fresh.keyed = true;
  keys_.insert(fresh);
  return fresh;
}

batch_lane& batch_planner::take_lane() {
  if (free_lanes_.empty())
    free_lanes_.push_back(&lanes_.emplace_back());
  auto& taken = *free_lanes_.back();
  free_lanes_.pop_back();
  return taken;
}

void batch_planner::free_lane(batch_lane& freed) {
  if (std::exchange(freed.keyed, false))
    keys_.erase(freed);
  free_lanes_.push_back(&freed);
}

void batch_planner::make_ready(batch_lane& lane, steady_time now) {
  lane.ready = true;
  lane.ready_since = now;
  ready_.push_back(&lane);
  ready_items_ += lane.items;
  ready_bytes_ += lane.bytes;
}

batch* batch_planner::next(steady_time now) {
  unpark_due(now);
  if (!leaves(now))
    return nullptr;
  if (free_batches_.empty())
    free_batches_.push_back(&batches_.emplace_back());
  auto& result = *free_batches_.back();
  free_batches_.pop_back();
  while (!ready_.empty() && fill_from(*ready_.front(), result)) {
    // the next key is in front now
  }
  ++running_;
  result.left = now;
  return &result;
}

bool batch_planner::leaves(steady_time now) const {
  if (ready_.empty() || running_ >= how_.max_batches)
    return false;
  return ready_items_ >= how_.max_items || (how_.max_bytes > 0 && ready_bytes_ >= how_.max_bytes)
         || hurried_waiting_ > 0 || ready_.front()->ready_since + how_.delay <= now;
}

bool batch_planner::fits(const batch& into, const batch_entry& item) const {
  if (rides(item) || into.items.empty())
    return true;
  return into.items.size() < how_.max_items
         && (how_.max_bytes == 0 || into.bytes + item.bytes <= how_.max_bytes);
}

/// Takes what fits of the key that is first in line. False: the batch is full.
bool batch_planner::fill_from(batch_lane& lane, batch& into) {
  if (!fits(into, *lane.first))
    return false;
  ready_.pop_front();
  lane.ready = false;
  lane.busy = true;
  ready_items_ -= lane.items;
  ready_bytes_ -= lane.bytes;
  auto& part = into.parts.emplace_back();
  part.lane = &lane;
  while (lane.first != nullptr && fits(into, *lane.first)) {
    auto& item = *lane.first;
    lane.first = item.next;
    take_out(lane, item);
    begin(item, into, part);
  }
  return lane.first == nullptr;
}

/// An item, already unlinked, does not wait in this line any more.
void batch_planner::take_out(batch_lane& lane, batch_entry& item) {
  if (rides(item))
    return;
  --lane.items;
  lane.bytes -= item.bytes;
  --waiting_;
  hurried_waiting_ -= item.set->hurried ? 1 : 0;
  if (item.tried.made == 0)
    return;
  --parked_items_;
  if (--item.set->again == 0)
    item.set->parked.store(false, std::memory_order_relaxed);
}

void batch_planner::begin(batch_entry& item, batch& in, batch::part& of) {
  append(item, of.first, of.last);
  if (rides(item))
    return;
  if (item.tried.made > 0) {
    item.error = {};
    ++retries_;
  }
  in.items.push_back(&item);
  in.bytes += item.bytes;
  if (item.set->executing++ == 0)
    item.set->begun.store(true, std::memory_order_relaxed);
}

void batch_planner::executed(batch& done, steady_time now) {
  --running_;
  for (auto* item : done.items) { // they come from the executor's core
    prefetch(item);
    prefetch(item->set, job_bytes);
  }
  for (auto& part : done.parts) {
    part.lane->busy = false;
    come_back(part, now);
  }
  done.items.clear();
  done.bytes = 0;
  done.parts.clear();
  free_batches_.push_back(&done);
}

/// What a batch had of a key is over, up to the first item that is to be executed again.
void batch_planner::come_back(batch::part& part, steady_time now) {
  batch::part rest;
  std::optional<steady_time> due;
  for (auto* item = part.first; item != nullptr;) {
    auto& each = *item;
    item = each.next;
    if (!rides(each))
      if (auto again = ended_call(each, now))
        due = std::max(due.value_or(*again), *again);
    if (due)
      append(each, rest.first, rest.last);
    else
      end(each);
  }
  if (due) {
    put_back(*part.lane, rest);
    park(*part.lane, *due);
  } else {
    go_on(*part.lane, now);
  }
}

/// When the item is to be executed again, unless it was executed for the last time.
std::optional<steady_time> batch_planner::ended_call(batch_entry& item, steady_time now) {
  if (--item.set->executing == 0)
    item.set->begun.store(false, std::memory_order_relaxed);
  std::optional<steady_time> result;
  if (item.error && how_.again) {
    ++item.tried.made;
    result = how_.again(item, now);
  }
  item.executed = !result;
  return result;
}

/// To the front of the line.
void batch_planner::put_back(batch_lane& lane, batch::part& rest) {
  for (auto* item = rest.first; item != nullptr; item = item->next) {
    if (rides(*item))
      continue;
    item->set->told = false;
    ++lane.items;
    lane.bytes += item->bytes;
    ++waiting_;
    hurried_waiting_ += item->set->hurried ? 1 : 0;
    ++parked_items_;
    ++item->set->again;
    item->set->parked.store(true, std::memory_order_relaxed);
  }
  rest.last->next = lane.first;
  if (lane.first == nullptr)
    lane.last = rest.last;
  lane.first = rest.first;
}

void batch_planner::park(batch_lane& lane, steady_time due) {
  lane.parked_until = due;
  parked_.emplace(due, &lane);
  for (auto* item = lane.first; item != nullptr; item = item->next)
    tell(*item->set);
}

void batch_planner::tell(batch_job& set) {
  if (!std::exchange(set.told, true))
    parked_sets_.push_back(&set);
}

void batch_planner::unpark(batch_lane& lane) {
  parked_.erase({*lane.parked_until, &lane});
  lane.parked_until.reset();
}

/// Nothing of who drains is executed again: its next owner does.
void batch_planner::unpark_due(steady_time now) {
  for (auto it = parked_.begin(); it != parked_.end() && it->first <= now;) {
    auto& lane = *(it++)->second;
    if (lane.first->set->hurried)
      continue;
    unpark(lane);
    make_ready(lane, now);
  }
}

uint64_t batch_planner::standing(const void* owner) const {
  std::set<const batch_job*> found;
  for (auto& [due, lane] : parked_)
    for (auto* item = lane->first; item != nullptr; item = item->next)
      if (item->set->owner == owner && item->set->executing == 0)
        found.insert(item->set);
  return found.size();
}

/// A key that is in no batch, and was not ready: it becomes so, or is gone.
void batch_planner::go_on(batch_lane& lane, steady_time now) {
  end_turns(lane);
  if (lane.first == nullptr)
    free_lane(lane);
  else
    make_ready(lane, now);
}

/// Nothing is before them any more.
void batch_planner::end_turns(batch_lane& lane) {
  while (lane.first != nullptr && rides(*lane.first)) {
    auto& turn = *lane.first;
    lane.first = turn.next;
    end(turn);
  }
}

void batch_planner::end(batch_entry& item) {
  if (--item.set->open == 0)
    ended_.push_back(item.set);
}

void batch_planner::hurry(const void* owner) {
  if (std::ranges::find(hurried_, owner) != hurried_.end())
    return;
  hurried_.push_back(owner);
  for (auto& under_way : batches_)
    for (auto* item : under_way.items)
      item->set->hurried |= item->set->owner == owner;
  for (auto& lane : lanes_)
    for (auto* item = lane.first; item != nullptr; item = item->next)
      if (item->set->owner == owner) {
        item->set->hurried = true;
        hurried_waiting_ += rides(*item) ? 0 : 1;
      }
}

void batch_planner::drop(const void* owner, steady_time now) {
  for (auto& lane : lanes_)
    drop_from(lane, owner);
  std::erase(hurried_, owner);
  drop_ready(now);
  drop_parked(now);
}

/// Keys of which nothing is left are not ready any more.
void batch_planner::drop_ready(steady_time now) {
  auto ready = std::exchange(ready_, {});
  ready_items_ = 0;
  ready_bytes_ = 0;
  for (auto* lane : ready) {
    auto since = lane->ready_since;
    lane->ready = false;
    go_on(*lane, now);
    if (lane->ready)
      lane->ready_since = since;
  }
}

/// Keys whose first item is not to be executed again are not parked any more.
void batch_planner::drop_parked(steady_time now) {
  auto parked = parked_;
  for (auto& [due, lane] : parked) {
    end_turns(*lane);
    if (lane->first != nullptr && lane->first->tried.made > 0)
      continue;
    unpark(*lane);
    go_on(*lane, now);
  }
}

void batch_planner::drop_from(batch_lane& lane, const void* owner) {
  auto* item = std::exchange(lane.first, nullptr);
  lane.last = nullptr;
  while (item != nullptr) {
    auto& each = *item;
    item = each.next;
    if (each.set->owner != owner) {
      append(each, lane.first, lane.last);
      continue;
    }
    take_out(lane, each);
    end(each);
  }
}

std::optional<steady_time> batch_planner::next_deadline() const {
  if (running_ >= how_.max_batches)
    return std::nullopt;
  std::optional<steady_time> result;
  if (!ready_.empty())
    result = ready_.front()->ready_since + how_.delay;
  for (auto& [due, lane] : parked_)
    if (!lane->first->set->hurried) {
      result = std::min(result.value_or(due), due);
      break;
    }
  return result;
}

} // namespace keyloom::core
