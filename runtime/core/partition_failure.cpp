// What the partition does about calls that failed: makes them again later, and, when they failed
// for good, what the policy says.
#include "runtime/core/backoff.hpp"
#include "runtime/core/dead_letter.hpp"
#include "runtime/core/partition.hpp"

#include <keyloom/detail/batch_job.hpp>

#include <caf/make_counted.hpp>

#include <algorithm>

namespace keyloom::core {

/// A job that was worked on: to be finalized, now or once those before it are, or called again.
void partition::come_back(detail::job& j) {
  if (j.stage == detail::job::no_stage || !stages_[j.stage].retries() || stopped()) {
    finalize(j);
    return;
  }
  auto& stage = stages_[j.stage];
  auto slot = j.slot;
  if (j.unbegun)
    stage.back_unbegun(j);
  else
    stage.back(j, next_call(j));
  while (auto* next = stage.take_final(slot)) {
    finalize(*next);
    if (stopped())
      return;
  }
  if (stage.parked(slot))
    park_slot(stage.index(), slot);
}

void partition::park_slot(uint32_t stage, uint32_t slot) {
  parked_.park(stage, slot, stages_[stage].due(slot));
  stages_[stage].each_parked(slot, [this](detail::job& j) { stands(j); });
}

void partition::sets_wait(std::span<detail::batch_job* const> sets) {
  if (given_up())
    return;
  for (auto* set : sets) {
    auto& ev = *set->origin;
    if (ev.open_jobs == 1)
      copy_out(ev);
    stands(ev);
  }
}

/// The job waits until something is called again, itself or another one before it. For that it
/// needs its record for its event alone, when nothing in it, and no other job of the event, may
/// have views into the record's memory.
void partition::stands(detail::job& j) {
  auto& ev = *j.origin;
  if (ev.open_jobs == 1 && common_.source->stages[j.stage]->owns_jobs()) {
    j.copy_key();
    copy_out(ev);
  }
  stands(ev);
}

/// Events of its key that wait for their handlers, or are complete and wait for their release, wait
/// as long as it does.
void partition::stands(event& ev) {
  gate_.stands(ev, [this](event& other) {
    if (other.open_jobs == 0)
      copy_out(other);
  });
}

/// So that an event that waits long does not keep the memory of all that was polled with it (I8).
void partition::copy_out(event& ev) {
  if (ev.interjected != nullptr || ev.copied || ev.came_with().records().size() == 1)
    return;
  auto own = caf::make_counted<record_batch>(topic_, number_);
  own->add_copy(ev.record());
  if (meter_.account)
    own->charge(meter_.account);
  ev.batch = std::move(own);
  ev.copied = true;
  tracker_.copied(*ev.home);
}

/// When the job is to be called again; nothing when its result is the last.
std::optional<steady_time> partition::next_call(detail::job& j) {
  ++j.tried.made;
  auto& source = *common_.source;
  auto* reason = source.stages[j.stage]->failure(j);
  if (reason == nullptr || j.origin->failed)
    return std::nullopt;
  auto due = next_attempt_of(source.retry_of(j.stage), j.tried, *reason);
  if (!due)
    return std::nullopt;
  if (std::exchange(j.timed_out, false))
    common_.stages[j.stage].timed_out.fetch_add(1, std::memory_order_relaxed);
  out_.incidents.retrying(located(*j.origin, &j, *reason), j.tried.made, *due - now_);
  return due;
}

/// A handler whose turn changed nothing, by itself or because it was undone. An interjection is not
/// called again: a scheduled one comes again by itself, and who has asked for one is told.
bool partition::call_again_later(event& ev, const caf::error& reason) {
  if (ev.interjected != nullptr || store_damaged_ || state_ != lifecycle::active
      || reason == errc::decode_failed || reason == errc::no_handler)
    return false;
  auto due = next_attempt_of(common_.source->config.retry, ev.tried, reason);
  if (!due)
    return false;
  copy_out(ev);
  gate_.park(ev, now_);
  admit(ev);
  stands(ev);
  parked_.park(ev, *due);
  ++parked_events_;
  common_.totals.parked.fetch_add(1, std::memory_order_relaxed);
  out_.incidents.retrying(located(ev, nullptr, reason), ev.tried.made, *due - now_);
  return true;
}

std::optional<steady_time> partition::next_attempt_of(const retry_policy& policy,
                                                      detail::attempts& tried,
                                                      const caf::error& reason) {
  if (!policy.enabled())
    return std::nullopt;
  if (tried.made == 1)
    tried.first_failure = now_;
  if (!worth_retrying(policy, reason))
    return std::nullopt;
  return next_attempt(policy, tried, now_, random_);
}

void partition::retry_due() {
  if (state_ != lifecycle::active)
    return;
  now_ = out_.clock.now();
  while (auto next = parked_.take_due(now_)) {
    if (next->ev == nullptr) {
      stages_[next->stage].call_again(next->slot);
      continue;
    }
    --parked_events_;
    common_.totals.parked.fetch_sub(1, std::memory_order_relaxed);
    common_.totals.retries.fetch_add(1, std::memory_order_relaxed);
    gate_.unpark(*next->ev);
    handle(*next->ev);
    if (state_ != lifecycle::active)
      return;
  }
  take_backlog_in();
  settle();
}

std::optional<steady_time> partition::next_retry() const {
  return state_ == lifecycle::active ? parked_.next() : std::nullopt;
}

/// Jobs, passes and item sets that cannot go on before something is called again.
uint64_t partition::standing_jobs() const {
  auto result = static_cast<uint64_t>(std::max<int64_t>(memory_->standing(), 0));
  for (auto& each : parked_.entries())
    if (each.ev == nullptr)
      result += stages_[each.stage].standing(each.slot);
  return result;
}

void partition::forget_parked() {
  parked_.clear();
  common_.totals.parked.fetch_sub(std::exchange(parked_events_, 0), std::memory_order_relaxed);
}

void partition::fail(event& ev, const detail::job* j, const caf::error& why) {
  auto reason = located(ev, j, why);
  if (ev.interjected != nullptr)
    fail_interjection(*ev.interjected, reason);
  if (store_damaged_) {
    stop(caf::make_error(errc::store_damaged, describe(reason)
                                                + "; the turn had changed the store, which "
                                                  "cannot undo it, so the partition stops"));
    return;
  }
  switch (common_.source->action_for(j != nullptr ? j->stage : detail::job::no_stage, why)) {
    case failure_action::stop_source:
      stops_source_ = true;
      stop(std::move(reason));
      return;
    case failure_action::skip:
      out_.incidents.skipped(reason);
      skipped_count_ += ev.interjected == nullptr ? 1 : 0;
      break;
    case failure_action::dead_letter:
      if (ev.interjected != nullptr) { // there is no record to send
        out_.incidents.skipped(reason);
        break;
      }
      out_.incidents.dead_lettered(reason);
      add_dead_letter(ev, j, reason);
      break;
    default:
      stop(std::move(reason));
      return;
  }
  if (exact_ && store_turns_) // what it read decided that
    exact_->turn(*ev.held, store_turns_->reads_alone());
  ev.failed = true;
  if (ev.open_jobs > 0)
    hold(ev);
  else
    complete(ev);
}

/// As the event's last output, so it leaves in the order of its key, and the event is out when it
/// is acknowledged.
void partition::add_dead_letter(event& ev, const detail::job* j, const caf::error& reason) {
  auto& rec = ev.record();
  dead_letter::circumstances what{
    .topic = topic_,
    .partition = number_,
    .offset = rec.offset,
    .error = describe(reason),
    .attempts = std::max(1U, (j != nullptr ? j->tried : ev.tried).made),
    .time_ms
    = std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch()).count()};
  if (j != nullptr && j->stage != detail::job::no_stage)
    what.stage = common_.source->stages[j->stage]->name();
  turn_outputs_.push_back(dead_letter::make(common_.source->config.dead_letter_topic, rec, what));
  keep_outputs(ev);
  ev.dead_letter = true;
}

} // namespace keyloom::core
