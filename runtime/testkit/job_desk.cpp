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
  begin_call(places_.at(where).jobs);
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
  auto more = !taken && jobs.first->tried.made == 0; // else it is the same job, called again
  if (mode == stage_mode::unordered && (more || jobs.count > 1))
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
    if (auto& first = there.jobs.front();
        where.stage == stage && first.job != nullptr && first.call == nullptr)
      result.push_back(first);
  std::sort(result.begin(), result.end(), [](auto& a, auto& b) { return a.id < b.id; });
  return result;
}

std::vector<job_desk::waiting_job> job_desk::under_way() const {
  std::vector<waiting_job> result;
  for (auto& [where, there] : places_)
    if (auto& first = there.jobs.front(); first.begun || first.overdue != nullptr)
      result.push_back(first);
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
    forget(jobs.front());
    result.push_back(std::move(jobs.front()));
  }
  go_on(where);
  return result;
}

std::vector<job_desk::waiting_job> job_desk::take_overdue() {
  if (deadlines_.empty() || deadlines_.begin()->first > clock_.now())
    return {};
  auto where = where_.at(deadlines_.begin()->second);
  auto& stage = *source_.stages[where.stage];
  auto& jobs = places_.at(where).jobs;
  std::vector<waiting_job> result;
  std::vector<detail::job*> together;
  for (auto due = jobs.front().due; !jobs.empty() && jobs.front().due == due; jobs.pop_front()) {
    forget(jobs.front());
    together.push_back(jobs.front().job);
    result.push_back(std::move(jobs.front()));
  }
  auto call = std::make_shared<overdue_call>(stage, together);
  for (auto& each : result)
    each.overdue = call;
  if (stage.kind() == processor_kind::blocking) {
    auto& first = result.front();
    jobs.push_front({.id = first.id, .stage = where.stage, .begun = first.begun, .overdue = call});
    where_.emplace(first.id, where);
  }
  go_on(where);
  return result;
}

std::optional<core::steady_time> job_desk::next_deadline() const {
  if (deadlines_.empty())
    return std::nullopt;
  return deadlines_.begin()->first;
}

void job_desk::drop_waiting() {
  for (size_t i = busy_.size(); i-- > 0;) {
    auto where = busy_[i];
    auto& jobs = places_.at(where).jobs;
    auto stays = jobs.front().begun || jobs.front().overdue != nullptr;
    for (auto kept = stays ? size_t{1} : size_t{0}; jobs.size() > kept; jobs.pop_back())
      forget(jobs.back());
    if (jobs.empty())
      leave(where);
  }
}

size_t job_desk::size() const {
  auto is_overdue = [](auto& each) { return each.second.jobs.front().overdue != nullptr; };
  return where_.size() - static_cast<size_t>(std::ranges::count_if(places_, is_overdue));
}

size_t job_desk::size(uint32_t stage) const {
  size_t result = 0;
  for (auto& [where, there] : places_)
    if (where.stage == stage)
      result += there.jobs.size() - (there.jobs.front().overdue != nullptr ? 1 : 0);
  return result;
}

void job_desk::add(place where, detail::job& j) {
  auto [it, is_new] = places_.try_emplace(where);
  if (is_new) {
    it->second.index = busy_.size();
    busy_.push_back(where);
  }
  it->second.jobs.push_back({.id = next_id_, .stage = j.stage, .job = &j});
  where_.emplace(next_id_++, where);
}

/// The first of these jobs is ready: from now on its stage's timeout runs, unless it runs already.
void job_desk::begin_call(std::deque<waiting_job>& jobs) {
  auto& first = jobs.front();
  auto& stage = *source_.stages[first.stage];
  if (first.job == nullptr || first.due || stage.timeout().count() == 0)
    return;
  auto due = clock_.now() + stage.timeout();
  for (auto& each : jobs) {
    auto same_call = &each == &first
                     || (stage.by_run() && each.job->key.data() != nullptr
                         && each.job->key == first.job->key);
    if (!same_call)
      return;
    each.due = due;
    deadlines_.emplace(due, each.id);
  }
}

void job_desk::forget(const waiting_job& gone) {
  where_.erase(gone.id);
  if (gone.due)
    deadlines_.erase({*gone.due, gone.id});
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

/// Something was taken from the front of this place.
void job_desk::go_on(place where) {
  if (auto& jobs = places_.at(where).jobs; !jobs.empty())
    begin_call(jobs);
  else
    leave(where);
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
