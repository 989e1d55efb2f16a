#include "runtime/core/stage_queue.hpp"

#include <algorithm>

namespace keyloom::core {

stage_queue::stage_queue(uint32_t stage, const detail::stage_base& definition, stage_meter& shared,
                         run_port& port, bool lanes_in_order, bool retries, bool runs_stop)
  : stage_(stage), definition_(&definition), kind_(definition.kind()), mode_(definition.mode()),
    retries_(retries && kind_ != processor_kind::batch),
    together_(runs_stop && kind_ == processor_kind::blocking && !definition.by_run()
              && definition.timeout().count()
                   == 0), // what is behind a call that hangs must come back
    in_slots_(kind_ != processor_kind::batch
              && (kind_ != processor_kind::compute || retries
                  || (mode_ == stage_mode::by_key && (definition.by_run() || !lanes_in_order)))),
    limits_jobs_(kind_ != processor_kind::compute && kind_ != processor_kind::batch),
    counts_keys_(limits_jobs_ || definition.by_run()), lanes_used_(lanes_in_order ? lanes : 1),
    shared_(&shared), port_(&port), next_lane_(stage % lanes_used_) {
  pauses_ = definition.held_back();
  shared_->partitions.fetch_add(1, std::memory_order_relaxed);
}

void stage_queue::add(detail::job& j, const work_memory_ptr& memory) {
  count(1);
  if (waits_before(j))
    hold(j, memory);
  else
    add_to_place(j, memory);
}

void stage_queue::add_to_place(detail::job& j, const work_memory_ptr& memory) {
  auto& at = place_for(j);
  j.behind = at.added++;
  if (retries_ && memory_ == nullptr)
    memory_ = memory;
  if (at.pending.empty()) {
    at.pending.memory = memory;
    if (in_slots_)
      touched_.push_back(j.slot);
  }
  at.pending.append(j);
}

bool stage_queue::add_pass(detail::job& j) {
  if (!held_.empty() && waits_before(j))
    hold(j, held_.memory);
  else if (!add_pass_to_place(j))
    return false;
  count(1);
  return true;
}

bool stage_queue::add_pass_to_place(detail::job& j) {
  auto* at = taken_place(j);
  if (at == nullptr || at->done == at->added)
    return false;
  j.behind = at->added;
  at->passes.append(j);
  return true;
}

// -- what is held back ----------------------------------------------------------------------------

bool stage_queue::held_back(const detail::job& j) const {
  return pauses_ != nullptr && pauses_->hold(j.key);
}

/// Whether it has to stay in front of its lane. All jobs of a partition that has an order of its
/// own stand behind the first one that does.
bool stage_queue::waits_before(const detail::job& j) const {
  if (in_slots_ || kind_ == processor_kind::batch)
    return false;
  return held_back(j) || (mode_ == stage_mode::by_partition && !held_.empty());
}

void stage_queue::hold(detail::job& j, const work_memory_ptr& memory) {
  if (held_.empty())
    held_.memory = memory;
  held_.append(j);
}

void stage_queue::pause(std::shared_ptr<const detail::pauses> now, run& passes) {
  if (pauses_ == nullptr && now == nullptr)
    return;
  pauses_ = std::move(now);
  auto held = std::exchange(held_, run{});
  while (auto* j = held.take())
    if (waits_before(*j))
      hold(*j, held.memory);
    else if (!j->pass)
      add_to_place(*j, held.memory);
    else if (!add_pass_to_place(*j)) {
      count(-1);
      passes.append(*j);
    }
  for (auto number : std::exchange(held_again_, {}))
    call_again(number);
}

// -------------------------------------------------------------------------------------------------

void stage_queue::flush() {
  size_t held = 0;
  for (auto index : touched_) {
    auto& from = slots_[index];
    if (pauses_ != nullptr && !from.pending.empty() && held_back(*from.pending.first))
      touched_[held++] = index;
    else if (!retries_)
      send(from, std::exchange(from.pending, run{}));
    else if (from.returned.may_send() && !from.pending.empty())
      send(from, take_next(from));
  }
  touched_.resize(held);
  for (uint32_t i = 0; i < lanes; ++i)
    if (auto& jobs = lane_places_[i].pending; !jobs.empty()) {
      if (kind_ == processor_kind::batch && pauses_ != nullptr && pauses_->stage)
        continue;
      if (kind_ == processor_kind::batch)
        port_->to_batcher(stage_, std::exchange(jobs, run{}));
      else
        port_->to_lane(i, std::exchange(jobs, run{}));
    }
  if (unpublished_ != 0 && !given_up_)
    shared_->jobs.fetch_add(std::exchange(unpublished_, 0), std::memory_order_relaxed);
}

/// What of a slot with retries leaves next.
run stage_queue::take_next(slot& from) {
  if (!together_)
    return take_call(*definition_, from.pending);
  run result;
  while (result.count < longest_run && !from.pending.empty())
    result.append(*from.pending.take());
  return result;
}

void stage_queue::send(slot& from, run&& jobs) {
  if (retries_) {
    jobs.memory = memory_;
    from.returned.sent(jobs.count);
  }
  if (kind_ == processor_kind::compute)
    lane_places_[lane_of(from.hash)].pending.append(std::move(jobs));
  else
    port_->to_key(stage_, from.index, std::move(jobs));
}

void stage_queue::back(detail::job& j, std::optional<steady_time> due) {
  auto& at = slots_[j.slot].returned;
  if (std::exchange(j.keeps_key, false))
    at.set_overdue(true);
  at.back(j, due);
  if (!due)
    return;
  ++parked_;
  if (!given_up_)
    shared_->parked.fetch_add(1, std::memory_order_relaxed);
}

void stage_queue::back_unbegun(detail::job& j) {
  j.unbegun = false;
  auto& at = slots_[j.slot];
  at.returned.unbegun();
  run rest = std::exchange(at.pending, run{});
  at.pending.memory = rest.memory;
  while (!rest.empty() && rest.first->behind < j.behind) // few: of one run
    at.pending.append(*rest.take());
  at.pending.append(j);
  at.pending.append(std::move(rest));
  touched_.push_back(j.slot);
}

void stage_queue::call_again(uint32_t number) {
  if (given_up_)
    return;
  auto& from = slots_[number];
  from.due = from.returned.overdue();
  if (from.due)
    return;
  if (pauses_ != nullptr && held_back(*from.returned.first())) {
    held_again_.push_back(number);
    return;
  }
  auto jobs = from.returned.take_again();
  parked_ -= jobs.count;
  shared_->parked.fetch_sub(jobs.count, std::memory_order_relaxed);
  shared_->retries.fetch_add(jobs.count, std::memory_order_relaxed);
  send(from, std::move(jobs));
}

uint64_t stage_queue::standing(uint32_t number) const {
  auto& at = slots_[number];
  return at.added - at.done + at.passes.count;
}

void stage_queue::call_returned(uint32_t number, uint32_t jobs, run& passes) {
  if (!retries_) {
    leave(number, jobs, passes);
    return;
  }
  slots_[number].returned.set_overdue(false);
  leave(number, 0, passes); // the jobs have left, or wait for their next call
  if (std::exchange(slots_[number].due, false))
    call_again(number);
}

void stage_queue::done(detail::job& j, run& passes) {
  count(-1);
  if (!j.keeps_key)
    leave(j.slot, 1, passes);
}

/// So many jobs of the slot or lane, and the calls that outlived them, are over.
void stage_queue::leave(uint32_t number, uint32_t jobs, run& passes) {
  auto& at = in_slots_ ? static_cast<place&>(slots_[number]) : lane_places_[number];
  at.done += jobs;
  if (retries_ && slots_[number].returned.overdue())
    return; // all that comes later waits for the call, as it would with the key kept
  while (!at.passes.empty() && at.passes.first->behind <= at.done) {
    count(-1);
    passes.append(*at.passes.take());
  }
  if (in_slots_ && at.done == at.added)
    free_slot(slots_[number]);
  else if (retries_ && !at.pending.empty())
    touched_.push_back(number);
}

uint64_t stage_queue::unfinished_beside(const detail::job& j) const {
  auto& at = in_slots_ ? static_cast<const place&>(slots_[j.slot]) : lane_places_[j.slot];
  return at.added - at.done;
}

bool stage_queue::accepts(const stage_limits& limits) const {
  if (jobs_ == 0)
    return true;
  auto partitions = shared_->partitions.load(std::memory_order_relaxed);
  // Whoever has its share leaves an eighth of what may wait to those who have not: else the first
  // ones, who take each place as they give it back, would keep them all.
  auto has_room = [partitions](int64_t own, int64_t all, int64_t limit, int64_t at_once) {
    auto has_share = own * partitions >= limit;
    return all < (has_share && partitions > 1 ? std::max(limit - limit / 8, at_once) : limit);
  };
  int64_t const at_once = limits.concurrency;
  auto jobs = shared_->jobs.load(std::memory_order_relaxed) + unpublished_;
  if (limits_jobs_
      && !has_room(static_cast<int64_t>(jobs_), jobs,
                   at_once * (1 + int64_t{limits.waiting_per_worker}), at_once))
    return false;
  return has_room(slots_used_, shared_->keys.load(std::memory_order_relaxed),
                  limits.concurrent_keys, 0);
}

void stage_queue::give_up() {
  if (std::exchange(given_up_, true))
    return;
  shared_->partitions.fetch_sub(1, std::memory_order_relaxed);
  shared_->jobs.fetch_sub(static_cast<int64_t>(jobs_) - unpublished_, std::memory_order_relaxed);
  shared_->keys.fetch_sub(slots_used_, std::memory_order_relaxed);
  shared_->parked.fetch_sub(parked_, std::memory_order_relaxed);
}

/// The place of a job that is added; takes a slot when its key has none.
stage_queue::place& stage_queue::place_for(detail::job& j) {
  if (!in_slots_) {
    j.slot = lane_for(j);
    return lane_places_[j.slot];
  }
  auto* taken = taken_slot(j);
  if (taken == nullptr)
    taken = &take_slot(j);
  j.slot = taken->index;
  return *taken;
}

/// Where a pass would have to wait; null: nowhere, it has no order, or nothing is before it.
stage_queue::place* stage_queue::taken_place(detail::job& j) {
  auto keyless = j.key.data() == nullptr;
  if (mode_ == stage_mode::unordered || (mode_ == stage_mode::by_key && keyless))
    return nullptr;
  if (!in_slots_) {
    j.slot = lane_for(j);
    return &lane_places_[j.slot];
  }
  auto* taken = taken_slot(j);
  if (taken != nullptr)
    j.slot = taken->index;
  return taken;
}

uint32_t stage_queue::lane_for(const detail::job& j) {
  if (kind_ == processor_kind::batch)
    return 0;
  if (mode_ == stage_mode::by_partition)
    return stage_ % lanes_used_;
  if (mode_ == stage_mode::unordered || j.key.data() == nullptr)
    return next_lane_++ % lanes_used_;
  return lane_of(j.key_hash);
}

/// The low bits choose slots in hash tables; take others here.
uint32_t stage_queue::lane_of(uint64_t hash) const {
  return static_cast<uint32_t>((hash >> 40) % lanes_used_);
}

stage_queue::slot* stage_queue::taken_slot(const detail::job& j) const {
  if (mode_ == stage_mode::by_partition)
    return only_;
  if (mode_ == stage_mode::unordered || j.key.data() == nullptr)
    return nullptr;
  return keys_.find(j.key, j.key_hash);
}

stage_queue::slot& stage_queue::take_slot(const detail::job& j) {
  if (free_.empty()) {
    auto& fresh = slots_.emplace_back();
    fresh.index = static_cast<uint32_t>(slots_.size() - 1);
    free_.push_back(fresh.index);
  }
  auto& taken = slots_[free_.back()];
  free_.pop_back();
  taken.hash = j.key.data() != nullptr ? j.key_hash : uint64_t{next_lane_++} << 40;
  taken.keyed = mode_ == stage_mode::by_key && j.key.data() != nullptr;
  if (taken.keyed) {
    taken.key.assign(j.key);
    keys_.insert(taken);
  }
  if (mode_ == stage_mode::by_partition)
    only_ = &taken;
  if (counts_keys_) {
    ++slots_used_;
    shared_->keys.fetch_add(1, std::memory_order_relaxed);
  }
  return taken;
}

void stage_queue::free_slot(slot& freed) {
  if (freed.keyed)
    keys_.erase(freed);
  only_ = nullptr;
  free_.push_back(freed.index);
  if (counts_keys_) {
    --slots_used_;
    if (!given_up_)
      shared_->keys.fetch_sub(1, std::memory_order_relaxed);
  }
  if (kind_ != processor_kind::compute)
    port_->key_idle(stage_, freed.index);
}

void stage_queue::count(int64_t jobs) {
  jobs_ += static_cast<uint64_t>(jobs);
  unpublished_ += jobs;
}

} // namespace keyloom::core
