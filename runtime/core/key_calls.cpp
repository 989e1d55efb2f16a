#include "runtime/core/key_calls.hpp"

#include <algorithm>

namespace keyloom::core {

key_calls::key_calls(detail::stage_base& stage, call_port& port, const clock_port& clock,
                     stage_meter* meter)
  : stage_(stage), port_(port), clock_(clock), meter_(meter), deadlines_(stage.timeout()) {
  // nop
}

void key_calls::add(run&& jobs) {
  memory_ = jobs.memory;
  while (auto* j = jobs.take()) {
    auto& s = slot_of(*j);
    s.waiting.append(*j);
    if (s.current == nullptr)
      next(s);
  }
}

void key_calls::go_on() {
  if (memory_ != nullptr && memory_->given_up()) {
    drop_waiting();
    return;
  }
  while (set_held_aside() && port_.acquire_place()) {
    auto& s = *ready_.front();
    ready_.pop_front();
    begin(s);
  }
}

/// False: nothing is ready that may begin.
bool key_calls::set_held_aside() {
  while (!ready_.empty() && stage_.holds_back(*ready_.front()->current)) {
    held_.push_back(ready_.front());
    ready_.pop_front();
  }
  return !ready_.empty();
}

void key_calls::look_again() {
  std::ranges::move(std::exchange(held_, {}), std::back_inserter(ready_));
}

void key_calls::answered(std::unique_ptr<detail::job> call) {
  auto& s = slot_of(*call);
  if (s.call == call.get()) {
    if (meter_ != nullptr)
      meter_->note_calls(1, clock_.now() - s.began);
    if (s.thrown)
      stage_.fail(*s.current, std::exchange(s.thrown, {}));
    else
      give_back(stage_, *call, *s.current);
    deadlines_.remove(s);
    end(s);
  } else {
    ++late_;
  }
  stage_.clear(*call);
  spare_calls_.push_back(std::move(call));
}

void key_calls::expire() {
  auto now = clock_.now();
  while (auto* due = deadlines_.take_due(now)) {
    auto& s = static_cast<slot&>(*due);
    s.thrown = {};
    s.current->timed_out = true;
    stage_.fail(*s.current, timeout_error(stage_));
    end(s);
  }
}

key_calls::slot& key_calls::slot_of(const detail::job& j) {
  while (slots_.size() <= j.slot)
    slots_.emplace_back();
  return slots_[j.slot];
}

/// Makes the slot's next job ready.
void key_calls::next(slot& s) {
  s.current = s.waiting.take();
  if (s.current != nullptr)
    ready_.push_back(&s);
}

void key_calls::begin(slot& s) {
  auto call = make_call();
  if (auto err = lend(stage_, *s.current, *call)) {
    stage_.fail(*s.current, std::move(err));
    spare_calls_.push_back(std::move(call));
    ++under_way_;
    end(s);
    return;
  }
  call->slot = s.current->slot;
  s.current->begun.store(true, std::memory_order_relaxed);
  s.call = call.get();
  ++under_way_;
  s.began = clock_.now();
  if (deadlines_.timeout().count() > 0)
    deadlines_.add(s, s.began);
  s.thrown = port_.begin(std::move(call));
}

/// The slot's job has its result.
void key_calls::end(slot& s) {
  s.call = nullptr;
  --under_way_;
  port_.release_place();
  if (memory_->given_up()) {
    s.current = nullptr;
    s.waiting = run{};
    return;
  }
  if (done_.empty())
    done_.memory = memory_;
  done_.append(*s.current);
  next(s);
}

/// The partition stopped or was given up: no call that has not begun may begin.
void key_calls::drop_waiting() {
  look_again();
  for (auto* s : ready_)
    s->current = nullptr;
  ready_.clear();
  for (auto& s : slots_)
    s.waiting = run{};
}

std::unique_ptr<detail::job> key_calls::make_call() {
  if (spare_calls_.empty())
    return stage_.make_job();
  auto result = std::move(spare_calls_.back());
  spare_calls_.pop_back();
  return result;
}

} // namespace keyloom::core
