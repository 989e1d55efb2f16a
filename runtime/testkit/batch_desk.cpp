#include "runtime/testkit/batch_desk.hpp"

namespace keyloom::rig {

batch_desk::batch_desk(const core::plan& source, const core::clock_port& clock, uint64_t seed)
  : source_(source), clock_(clock), seed_(seed) {
  make_batchers();
}

void batch_desk::make_batchers() {
  for (uint32_t stage = 0; stage < source_.stages.size(); ++stage)
    if (auto& each = *source_.stages[stage]; each.kind() == processor_kind::batch)
      batchers_[stage] = std::make_unique<core::batcher>(
        static_cast<const detail::batcher_base&>(each).options(),
        core::batcher::trying{source_.retry_of(stage), seed_, {}});
}

void batch_desk::add(uint32_t stage, core::run&& sets) {
  batchers_.at(stage)->add(std::move(sets), clock_.now());
}

void batch_desk::hurry(core::work_memory& of) {
  for (auto& [stage, each] : batchers_)
    each->hurry(of);
}

void batch_desk::drop(const core::work_memory& of) {
  for (auto& [stage, each] : batchers_)
    each->drop(of, clock_.now());
}

void batch_desk::let_leave() {
  for (auto& [stage, each] : batchers_)
    while (auto* leaving = each->next(clock_.now())) {
      under_way_[next_id_] = {next_id_, stage, leaving};
      ++next_id_;
    }
}

std::vector<core::batcher::news> batch_desk::take_news() {
  std::vector<core::batcher::news> result;
  for (auto& [stage, each] : batchers_)
    for (auto& news : each->take_news())
      result.push_back(std::move(news));
  return result;
}

std::vector<batch_desk::waiting_batch> batch_desk::under_way(std::optional<uint32_t> stage) const {
  std::vector<waiting_batch> result;
  for (auto& [id, each] : under_way_)
    if (!stage || each.stage == *stage)
      result.push_back(each);
  return result;
}

const batch_desk::waiting_batch* batch_desk::find(uint64_t id) const {
  auto found = under_way_.find(id);
  return found == under_way_.end() ? nullptr : &found->second;
}

void batch_desk::executed(uint64_t id) {
  auto each = under_way_.extract(id).mapped();
  batchers_.at(each.stage)->executed(*each.items, clock_.now());
}

std::optional<core::steady_time> batch_desk::next_deadline() const {
  std::optional<core::steady_time> result;
  for (auto& [stage, each] : batchers_)
    if (auto due = each->next_deadline(); due && (!result || *due < *result))
      result = due;
  return result;
}

batcher_state batch_desk::state_of(uint32_t stage) const {
  auto& each = of(stage);
  return {.name = source_.stages[stage]->name(),
          .running = each.running(),
          .waiting_items = each.waiting_items(),
          .sets = each.sets(),
          .batches = each.batches(),
          .items = each.items(),
          .largest = each.largest(),
          .retries = each.retries(),
          .parked = each.parked_items()};
}

size_t batch_desk::sets() const {
  size_t result = 0;
  for (auto& [stage, each] : batchers_)
    result += each->sets();
  return result;
}

void batch_desk::clear() {
  under_way_.clear();
  batchers_.clear();
  make_batchers();
}

} // namespace keyloom::rig
