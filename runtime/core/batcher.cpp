#include "runtime/core/batcher.hpp"

#include <algorithm>

namespace keyloom::core {

batcher::batcher(const batcher_options& options)
  : planner_({options.max_batch_size, options.max_concurrent_batches, options.max_bytes,
              options.accumulation_delay}) {
  // nop
}

void batcher::add(run&& sets, steady_time now) {
  if (sets.empty() || sets.memory->given_up())
    return;
  auto& from = owners_[sets.memory.get()];
  from.memory = sets.memory;
  while (auto* j = sets.take()) {
    auto& set = static_cast<detail::batch_job&>(*j);
    set.owner = sets.memory.get();
    ++from.sets;
    planner_.add(set, now);
  }
  take_ended();
}

void batcher::executed(batch& done, steady_time now) {
  ++batches_;
  items_ += done.items.size();
  largest_ = std::max<uint64_t>(largest_, done.items.size());
  planner_.executed(done, now);
  take_ended();
}

void batcher::drop(const work_memory& of, steady_time now) {
  planner_.drop(&of, now);
  take_ended();
}

uint64_t batcher::sets() const {
  uint64_t result = 0;
  for (auto& [which, from] : owners_)
    result += from.sets;
  return result;
}

void batcher::take_ended() {
  for (auto* set : planner_.take_ended()) {
    auto& from = owners_.at(set->owner);
    --from.sets;
    from.done.append(*set);
  }
}

std::vector<run> batcher::take_done() {
  std::vector<run> result;
  for (auto it = owners_.begin(); it != owners_.end();) {
    auto& [which, from] = *it;
    auto done = std::exchange(from.done, run{});
    if (!done.empty() && !from.memory->given_up()) {
      done.memory = from.memory;
      result.push_back(std::move(done));
    }
    it = from.sets == 0 ? owners_.erase(it) : std::next(it);
  }
  return result;
}

void execute(detail::batcher_base& definition, batch& items) noexcept {
  caf::error reason;
  try {
    reason = definition.execute(items.items);
  } catch (const std::exception& ex) {
    reason = caf::make_error(errc::batch_failed, "the executor of batcher '" + definition.name()
                                                   + "' threw: " + ex.what());
  } catch (...) {
    reason = caf::make_error(errc::batch_failed,
                             "the executor of batcher '" + definition.name()
                               + "' threw something that is no std::exception");
  }
  if (reason)
    fail(items, reason);
}

void fail(batch& items, const caf::error& reason) {
  for (auto* each : items.items)
    if (!each->error)
      each->error = reason;
}

} // namespace keyloom::core
