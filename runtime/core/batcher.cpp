#include "runtime/core/batcher.hpp"

#include "runtime/core/shown_key.hpp"

#include <algorithm>

namespace keyloom::core {

namespace {

/// Also of what the user has put beside the items nothing may lie in the record's memory.
bool owns_data(const detail::stage_base& definition, detail::batch_job& set) {
  auto result = definition.owns_jobs() && !set.user_data.has_value();
  for (size_t i = 0; result && i < set.size(); ++i)
    result = !set.at(i).user_data.has_value();
  return result;
}

} // namespace

batcher::batcher(const batcher_options& options, trying again)
  : again_(std::move(again)), random_(static_cast<std::minstd_rand::result_type>(again_.seed)),
    planner_(planned(options)) {
  // nop
}

batch_planner::settings batcher::planned(const batcher_options& options) {
  batch_planner::settings result{options.max_batch_size, options.max_concurrent_batches,
                                 options.max_bytes, options.accumulation_delay};
  if (again_.policy.enabled())
    result.again = [this](detail::batch_entry& item, steady_time now) {
      return this->again(item, now);
    };
  return result;
}

std::optional<steady_time> batcher::again(detail::batch_entry& item, steady_time now) {
  auto& set = *item.set;
  set.tried.made = std::max(set.tried.made, item.tried.made);
  if (item.tried.made == 1)
    item.tried.first_failure = now;
  if (owners_.at(set.owner).memory->given_up() || !worth_retrying(again_.policy, item.error))
    return std::nullopt;
  auto due = next_attempt(again_.policy, item.tried, now, random_);
  if (due && again_.retrying)
    again_.retrying("key " + shown_key(item.key) + ", call " + std::to_string(item.tried.made)
                      + " failed, the next one in "
                      + std::to_string(
                        std::chrono::duration_cast<std::chrono::milliseconds>(*due - now).count())
                      + " ms",
                    item.error);
  return due;
}

void batcher::add(run&& sets, steady_time now) {
  if (sets.empty() || sets.memory->given_up())
    return;
  auto [found, is_new] = owners_.try_emplace(sets.memory.get());
  auto& from = found->second;
  if (is_new)
    order_.push_back(found->first);
  from.memory = sets.memory;
  while (auto* j = sets.take()) {
    auto& set = static_cast<detail::batch_job&>(*j);
    set.owner = sets.memory.get();
    set.owns_data = again_.policy.enabled()
                    && owns_data(*sets.memory->source().stages[set.stage], set);
    ++from.sets;
    planner_.add(set, now);
    from.drains |= set.hurried;
  }
  take_from_planner();
}

void batcher::executed(batch& done, steady_time now) {
  ++batches_;
  items_ += done.items.size();
  largest_ = std::max<uint64_t>(largest_, done.items.size());
  planner_.executed(done, now);
  take_from_planner();
}

void batcher::hurry(work_memory& of) {
  planner_.hurry(&of);
  if (auto from = owners_.find(&of); from != owners_.end())
    from->second.drains = true;
}

void batcher::drop(const work_memory& of, steady_time now) {
  planner_.drop(&of, now);
  if (auto from = owners_.find(&of); from != owners_.end())
    from->second.since.waiting.clear();
  take_from_planner();
}

uint64_t batcher::sets() const {
  uint64_t result = 0;
  for (auto& [which, from] : owners_)
    result += from.sets;
  return result;
}

void batcher::take_from_planner() {
  for (auto* set : planner_.take_waiting())
    if (set->owns_data)
      owners_.at(set->owner).since.waiting.push_back(set);
  for (auto* set : planner_.take_ended()) {
    auto& from = owners_.at(set->owner);
    --from.sets;
    from.since.done.append(*set);
  }
}

std::vector<batcher::news> batcher::take_news() {
  std::vector<news> result;
  std::erase_if(order_, [&](const void* which) {
    auto& from = owners_.at(which);
    auto since = std::exchange(from.since, news{});
    auto other_stand = from.drains && now_stand(from);
    if ((!since.done.empty() || !since.waiting.empty() || other_stand)
        && !from.memory->given_up()) {
      since.done.memory = from.memory;
      result.push_back(std::move(since));
    }
    return from.sets == 0 && owners_.erase(which) > 0;
  });
  return result;
}

/// Tells the partition how many of its sets need not be waited for; true: others than before.
bool batcher::now_stand(owner& from) {
  auto before = std::exchange(from.standing, planner_.standing(from.memory.get()));
  from.memory->add_standing(static_cast<int64_t>(from.standing) - static_cast<int64_t>(before));
  return before != from.standing;
}

void execute(detail::batcher_base& definition, batch& items) noexcept {
  caf::error reason;
  try {
    reason = definition.execute(items.items);
  } catch (const std::exception& ex) {
    reason = caf::make_error(errc::batch_failed, "the executor of batcher '" + definition.name()
                                                   + "' threw: " + ex.what());
  } catch (...) {
    reason = caf::make_error(errc::batch_failed, "the executor of batcher '" + definition.name()
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
