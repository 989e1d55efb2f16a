#include "runtime/testkit/job_desk.hpp"

#include <algorithm>

namespace keyloom::rig {

namespace {

/// Keys get small numbers, jobs that stand alone are numbered from the other end.
constexpr uint64_t last_number = UINT64_MAX;

} // namespace

void job_desk::to_lane(uint32_t, core::run&& jobs) {
  ++runs_;
  if (jobs.empty())
    faults_.emplace_back("an empty run was sent to a lane");
  while (auto* j = jobs.take())
    add({j->stage, true, lane_number(*j)}, *j);
}

void job_desk::to_key(uint32_t stage, uint32_t slot, core::run&& jobs) {
  ++runs_;
  if (jobs.empty()) {
    faults_.emplace_back("an empty run was sent to a slot");
    return;
  }
  place where{stage, false, slot};
  check_slot(where, jobs);
  while (auto* j = jobs.take())
    add(where, *j);
}

/// What a slot may hold, by its stage's mode.
void job_desk::check_slot(place where, const core::run& jobs) {
  auto mode = source_.stages[where.stage]->mode();
  auto [holder, taken] = holders_.try_emplace(where, jobs.first->key);
  auto slot = "slot " + std::to_string(where.number) + " of stage '"
              + source_.stages[where.stage]->name() + "'";
  for (auto* j = jobs.first; j != nullptr && mode == stage_mode::by_key; j = j->next)
    if (j->key != holder->second)
      faults_.push_back(slot + " got a job of '" + std::string{j->key} + "' while it was taken by '"
                        + holder->second + "'");
  if (mode == stage_mode::unordered && (!taken || jobs.count > 1))
    faults_.push_back(slot + " is unordered and got a job while it had one");
  if (mode == stage_mode::by_partition)
    for (auto& [other, key] : holders_)
      if (other.stage == where.stage && other.number != where.number)
        faults_.push_back(slot + " is by_partition, but another slot is taken, too");
}

void job_desk::key_idle(uint32_t stage, uint32_t slot) {
  ++idle_;
  place where{stage, false, slot};
  if (holders_.erase(where) == 0)
    faults_.push_back("slot " + std::to_string(slot) + " became idle but was not taken");
  if (places_.contains(where))
    faults_.push_back("slot " + std::to_string(slot) + " became idle with jobs waiting");
}

std::vector<job_desk::waiting_job> job_desk::ready(uint32_t stage) const {
  std::vector<waiting_job> result;
  for (auto& [where, there] : places_)
    if (where.stage == stage)
      result.push_back(there.jobs.front());
  std::sort(result.begin(), result.end(), [](auto& a, auto& b) { return a.id < b.id; });
  return result;
}

job_desk::waiting_job* job_desk::find(uint64_t id) {
  auto it = where_.find(id);
  if (it == where_.end())
    return nullptr;
  auto& first = places_.at(it->second).jobs.front();
  return first.id == id ? &first : nullptr;
}

std::vector<job_desk::waiting_job> job_desk::take(uint64_t id, size_t most) {
  auto where = where_.at(id);
  auto& jobs = places_.at(where).jobs;
  std::vector<waiting_job> result;
  for (; result.size() < most && !jobs.empty(); jobs.pop_front()) {
    result.push_back(jobs.front());
    where_.erase(jobs.front().id);
  }
  if (jobs.empty())
    leave(where);
  return result;
}

void job_desk::drop_waiting() {
  for (size_t i = busy_.size(); i-- > 0;) {
    auto where = busy_[i];
    auto& jobs = places_.at(where).jobs;
    auto kept = jobs.front().begun ? size_t{1} : size_t{0};
    for (; jobs.size() > kept; jobs.pop_back())
      where_.erase(jobs.back().id);
    if (jobs.empty())
      leave(where);
  }
}

size_t job_desk::size(uint32_t stage) const {
  size_t result = 0;
  for (auto& [where, there] : places_)
    if (where.stage == stage)
      result += there.jobs.size();
  return result;
}

void job_desk::add(place where, detail::job& j) {
  auto [it, is_new] = places_.try_emplace(where);
  if (is_new) {
    it->second.index = busy_.size();
    busy_.push_back(where);
  }
  it->second.jobs.push_back({next_id_, &j});
  where_.emplace(next_id_++, where);
}

uint64_t job_desk::lane_number(const detail::job& j) {
  auto mode = source_.stages[j.stage]->mode();
  if (mode == stage_mode::by_partition)
    return 0;
  if (mode == stage_mode::unordered || j.key.data() == nullptr)
    return last_number - singles_++;
  auto known = key_numbers_.find(j.key);
  if (known == key_numbers_.end())
    known = key_numbers_.emplace(std::string{j.key}, key_numbers_.size()).first;
  return known->second;
}

void job_desk::leave(place where) {
  auto it = places_.find(where);
  auto index = it->second.index;
  busy_[index] = busy_.back();
  places_.at(busy_[index]).index = index;
  busy_.pop_back();
  places_.erase(it);
}

} // namespace keyloom::rig
