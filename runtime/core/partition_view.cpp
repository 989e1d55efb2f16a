// What a partition shows to who looks inside. Asked about once a second, so nothing is kept for it.
#include "runtime/core/partition.hpp"

#include "runtime/core/shown_key.hpp"

namespace keyloom::core {

namespace {

/// Of events and of jobs; with more in memory the others are left out, but for the oldest event.
constexpr size_t most_looked_at = 50'000;

/// Of those that wait for their transaction alone.
constexpr size_t most_departures = 1000;

std::optional<std::string> key_of(std::string_view key) {
  return key.data() == nullptr ? std::nullopt : std::optional{std::string{key}};
}

} // namespace

partition_view partition::view() {
  partition_view result{oldest_event(), oldest_interjection(), {}};
  keys_in_flight found;
  memory_->each_job([&](const detail::job& j) { found.add(j); }, most_looked_at);
  memory_->each_event([&](const event& ev) { found.add(ev); }, most_looked_at);
  std::deque<event> stand_ins;
  if (exact_)
    exact_->each_departure([&](const departure& each) {
      if (each.whole == nullptr)
        found.add(stand_ins.emplace_back(each.stand_in()));
      return stand_ins.size() < most_departures;
    });
  for (auto& each : found.oldest(source_state::most_keys))
    result.keys.push_back(state_of(each));
  return result;
}

key_state partition::state_of(const keys_in_flight::row& from) const {
  auto& ev = *from.oldest;
  key_state result{.topic = topic_, .partition = number_, .jobs = from.jobs};
  auto& shown = result.oldest;
  if (ev.interjected != nullptr)
    shown.interjection = ev.interjected->name();
  else
    shown.offset = ev.record().offset;
  shown.key = key_of(ev.record().key);
  shown.age = age_of(ev);
  if (from.job != nullptr && from.job->stage != detail::job::no_stage) {
    shown.key = key_of(from.job->key);
    shown.stage = common_.source->stages[from.job->stage]->name();
  }
  shown.waits_for = waits_for(from);
  return result;
}

/// As `describe_wait`, without looking through the other jobs: what they are is in the row.
std::string partition::waits_for(const keys_in_flight::row& from) const {
  if (from.job == nullptr)
    return waits_with(*from.oldest);
  auto& j = *from.job;
  if (j.stage == detail::job::no_stage)
    return "its job_complete, which nobody has called";
  if (auto itself = waits_itself(j); !itself.empty())
    return itself;
  if (from.running)
    return "the job of a later event with the same key, whose call runs";
  auto& stage = *common_.source->stages[j.stage];
  if (stage.mode() == stage_mode::by_partition)
    return "its turn in the partition";
  auto outlived = stage.kind() == processor_kind::blocking && stage.timeout().count() > 0
                  && stage.mode() == stage_mode::by_key
                  && stages_[j.stage].unfinished_beside(j) > from.calls;
  return outlived ? waits_for_overdue : waits_for_place(j);
}

/// A line for an event that is out.
std::string partition::traced(const event& ev) const {
  auto named = ev.interjected != nullptr;
  auto result = named ? "interjection '" + ev.interjected->name() + "'"
                      : "offset " + std::to_string(ev.record().offset);
  if (!named)
    result += ev.record().has_key() ? ", key " + shown_key(ev.record().key) : ", no key";
  result += ": out " + std::to_string(age_of(ev).count()) + " ms after it "
            + (named ? "began" : "was taken in");
  if (ev.tried.made > 1)
    result += ", its handler was called " + std::to_string(ev.tried.made) + " times";
  if (ev.dead_letter)
    result += ", as a dead letter";
  else if (ev.failed)
    result += ", skipped";
  return result;
}

} // namespace keyloom::core
