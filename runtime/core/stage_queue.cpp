#include "runtime/core/stage_queue.hpp"

namespace keyloom::core {

stage_queue::stage_queue(uint32_t stage, processor_kind kind, stage_meter& shared, run_port& port)
  : stage_(stage), kind_(kind), shared_(&shared), port_(&port) {
  // nop
}

void stage_queue::add(detail::job& j, const work_memory_ptr& memory) {
  ++jobs_;
  ++unpublished_;
  if (kind_ != processor_kind::compute) {
    add_to_slot(j, memory);
    return;
  }
  // The low bits choose slots in hash tables; take others here.
  auto& lane = lane_runs_[(j.key_hash >> 40) % lanes];
  if (lane.empty())
    lane.memory = memory;
  lane.append(j);
}

void stage_queue::flush() {
  for (uint32_t i = 0; i < lanes; ++i)
    if (!lane_runs_[i].empty())
      port_->to_lane(i, std::exchange(lane_runs_[i], run{}));
  for (auto index : touched_)
    port_->to_key(stage_, index, std::exchange(slots_[index].pending, run{}));
  touched_.clear();
  if (unpublished_ != 0 && !given_up_)
    shared_->jobs.fetch_add(std::exchange(unpublished_, 0), std::memory_order_relaxed);
}

void stage_queue::done(detail::job& j) {
  --jobs_;
  --unpublished_;
  if (kind_ == processor_kind::compute)
    return;
  auto& slot = slots_[j.slot];
  if (--slot.out > 0)
    return;
  if (slot.keyed)
    keys_.erase(slot);
  --slots_used_;
  free_.push_back(slot.index);
  if (!given_up_)
    shared_->keys.fetch_sub(1, std::memory_order_relaxed);
  port_->key_idle(stage_, slot.index);
}

bool stage_queue::accepts(const stage_limits& limits) const {
  if (jobs_ == 0)
    return true;
  auto waiting = int64_t{limits.concurrency} * limits.waiting_per_worker;
  if (kind_ != processor_kind::compute
      && shared_->jobs.load(std::memory_order_relaxed) + unpublished_
           >= waiting + limits.concurrency)
    return false;
  return shared_->keys.load(std::memory_order_relaxed) < limits.concurrent_keys;
}

void stage_queue::give_up() {
  if (std::exchange(given_up_, true))
    return;
  shared_->jobs.fetch_sub(static_cast<int64_t>(jobs_) - unpublished_, std::memory_order_relaxed);
  shared_->keys.fetch_sub(slots_used_, std::memory_order_relaxed);
}

void stage_queue::add_to_slot(detail::job& j, const work_memory_ptr& memory) {
  auto keyed = j.key.data()
               != nullptr; // without a key there is no order: each such job is a key of its own
  auto* slot = keyed ? keys_.find(j.key, j.key_hash) : nullptr;
  if (slot == nullptr)
    slot = &slot_for(j);
  j.slot = slot->index;
  ++slot->out;
  if (slot->pending.empty()) {
    slot->pending.memory = memory;
    touched_.push_back(slot->index);
  }
  slot->pending.append(j);
}

stage_queue::key_slot& stage_queue::slot_for(const detail::job& j) {
  if (free_.empty()) {
    auto& fresh = slots_.emplace_back();
    fresh.index = static_cast<uint32_t>(slots_.size() - 1);
    free_.push_back(fresh.index);
  }
  auto& slot = slots_[free_.back()];
  free_.pop_back();
  slot.key.assign(j.key);
  slot.hash = j.key_hash;
  slot.keyed = j.key.data() != nullptr;
  if (slot.keyed)
    keys_.insert(slot);
  ++slots_used_;
  shared_->keys.fetch_add(1, std::memory_order_relaxed);
  return slot;
}

} // namespace keyloom::core
