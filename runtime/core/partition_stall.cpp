// What the oldest event of a partition waits for, in words (I10). Asked seldom, so nothing is kept
// for it: events and jobs are looked through.
#include "runtime/core/partition.hpp"
#include "runtime/core/state_text.hpp"

#include <keyloom/detail/batch_job.hpp>

#include <algorithm>

namespace keyloom::core {

namespace {

std::optional<std::string> key_of(std::string_view key) {
  return key.data() == nullptr ? std::nullopt : std::optional{std::string{key}};
}

constexpr auto waits_for_transaction = "the transaction that it leaves in";

std::string what_runs(processor_kind kind) {
  switch (kind) {
    case processor_kind::actor:
      return "a handler actor's answer";
    case processor_kind::async:
      return "a completion that nobody has fulfilled";
    default:
      return "a call that runs";
  }
}

} // namespace

std::optional<event_state> partition::oldest_event() {
  const auto* home = tracker_.oldest();
  if (home == nullptr)
    return std::nullopt;
  const auto* ev = memory_->find_event(*home, home->cursor);
  auto& rec = ev != nullptr ? ev->record() : home->batch->records()[home->cursor];
  event_state result{.offset = rec.offset, .key = key_of(rec.key)};
  result.age = time_since(home->taken);
  if (ev != nullptr)
    describe_wait(*ev, result);
  else
    result.waits_for = departs(*home, home->cursor) ? waits_for_transaction
                                                    : "its handler to be called";
  return result;
}

std::optional<event_state> partition::oldest_interjection() const {
  const auto* x = interjections_.oldest();
  if (x == nullptr)
    return std::nullopt;
  event_state result{.interjection = x->name(), .age = age_of(*x->under_way)};
  describe_wait(*x->under_way, result);
  return result;
}

std::chrono::milliseconds partition::age_of(const event& ev) const {
  return time_since(ev.interjected != nullptr ? ev.interjected->begun : ev.home->taken);
}

std::chrono::milliseconds partition::time_since(steady_time then) const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(out_.clock.now() - then);
}

void partition::describe_wait(const event& ev, event_state& into) const {
  if (ev.open_jobs == 0) {
    into.waits_for = waits_with(ev);
  } else if (auto& j = slowest_job(ev); j.stage == detail::job::no_stage) {
    into.waits_for = "its job_complete, which nobody has called";
  } else {
    into.key = key_of(j.key);
    into.stage = common_.source->stages[j.stage]->name();
    into.waits_for = waits_in_stage(j);
  }
}

/// Its turns are over. The oldest record waits for no other, but perhaps for an interjection.
std::string partition::waits_with(const event& ev) const {
  if (!ev.complete)
    return "its handler to be called again, after " + std::to_string(ev.tried.made)
           + " calls that failed";
  if (exact_)
    return waits_at_gate(ev);
  if (ev.unacknowledged > 0)
    return "the broker's acknowledgement of " + std::to_string(ev.unacknowledged) + " outputs";
  if (gate_.holds_back(ev))
    return "the release of an event before it (output_order by_event)";
  return "room in the producer's queue";
}

std::string partition::waits_at_gate(const event& ev) const {
  if (ev.held == nullptr || ev.held->owner != &ev) // it has left, and its place is another's
    return waits_for_transaction;
  const auto* other = exact_->waits_for(*ev.held);
  if (other == nullptr || other == &ev)
    return waits_for_transaction;
  return other->interjected != nullptr
           ? "interjection '" + other->interjected->name() + "', whose changes it saw"
           : "offset " + std::to_string(other->record().offset)
               + ", whose changes it saw or which is before it in order";
}

/// One whose call runs, if any does.
const detail::job& partition::slowest_job(const event& ev) const {
  const detail::job* result = nullptr;
  memory_->each_job([&](const detail::job& j) {
    if (j.origin == &ev && (result == nullptr || (j.begun && !result->begun)))
      result = &j;
  });
  return *result;
}

std::string partition::waits_in_stage(const detail::job& j) const {
  if (auto itself = waits_itself(j); !itself.empty())
    return itself;
  auto before = waits_behind(j);
  return before.empty() ? waits_for_place(j) : before;
}

std::string partition::waits_for_place(const detail::job& j) const {
  auto& stage = *common_.source->stages[j.stage];
  if (stage.kind() == processor_kind::compute)
    return "a thread to run it";
  auto running = common_.stages[j.stage].running.load(std::memory_order_relaxed);
  return std::string{place_in_stage} + ", " + std::to_string(running) + " of "
         + std::to_string(stage.limits().concurrency) + " are taken";
}

/// Without looking at what is before it; empty: it has not begun.
std::string partition::waits_itself(const detail::job& j) const {
  auto& stage = *common_.source->stages[j.stage];
  if (j.again)
    return "its next call, after " + std::to_string(j.tried.made)
           + " that failed; the last one: " + describe(*stage.failure(j));
  if (auto held = stage.held_back();
      stage.kind() == processor_kind::batch && !j.begun && held != nullptr)
    return "batcher '" + stage.name() + "', which is paused by an inspector";
  if (stage.kind() == processor_kind::batch)
    return "its items in batcher '" + stage.name()
           + (j.begun ? "', of which a batch is being executed"
              : static_cast<const detail::batch_job&>(j).parked
                ? "', which failed and wait to be executed again"
                : "', for which no batch has begun");
  if (j.begun)
    return what_runs(stage.kind());
  auto held = stage.held_back();
  if (held == nullptr || j.pass || !held->hold(j.key))
    return {};
  return held->stage ? "its stage, which is paused by an inspector"
                     : "its key, which is paused by an inspector";
}

/// What is before it at its place, and holds it up; empty when that is nothing.
std::string partition::waits_behind(const detail::job& j) const {
  const detail::job* ahead = nullptr;
  uint64_t beside = 0;
  memory_->each_job([&](const detail::job& other) {
    if (other.stage != j.stage || other.slot != j.slot || other.pass)
      return;
    ++beside;
    if (&other != &j && (other.begun || other.again || (j.pass && ahead == nullptr)))
      ahead = &other;
  });
  if (ahead != nullptr)
    return (ahead->origin->interjected != nullptr
              ? "the job of interjection '" + ahead->origin->interjected->name() + "'"
              : "the job of offset " + std::to_string(ahead->origin->record().offset))
           + (ahead->key == j.key ? " with the same key" : " at the same place")
           + (ahead->again   ? ", which failed and is to be called again"
              : ahead->begun ? ", whose call runs"
                             : ", which has not begun");
  if (stages_[j.stage].unfinished_beside(j) > beside)
    return waits_for_overdue;
  return {};
}

} // namespace keyloom::core
