// Calls that are not over when the kit has made them: of asynchronous functions, which answer when
// their completion is fulfilled, and those that take longer than their stage's timeout.
#include "runtime/testkit/session.hpp"

namespace keyloom::rig {

// -- asynchronous functions
// ------------------------------------------------------------------------

/// Calls the function; its answer comes through the call box, at once or later.
void session::call_async(job_desk::waiting_job& of) {
  auto& stage = *source_->stages[of.stage];
  auto& from = of.job != nullptr ? *of.job : *of.overdue->copies.front();
  auto call = stage.make_job();
  of.begun = true;
  of.call = call.get();
  calls_.emplace(of.call, of.id);
  if (auto err = core::lend(stage, from, *call)) {
    of.thrown = std::move(err);
    call_box_->completed(std::move(call));
    return;
  }
  of.thrown = core::begin(stage, std::move(call), call_box_);
}

/// What asynchronous functions have answered. What nobody knows is of a process that crashed.
bool session::bring_answers() {
  auto arrived = call_box_->calls.take();
  for (auto& call : arrived) {
    auto whose = calls_.extract(call.get());
    if (whose.empty())
      continue;
    auto id = whose.mapped();
    auto found = find_job(id);
    if (found.waiting == nullptr)
      continue;
    auto& waiting = *found.waiting;
    waiting.call = nullptr;
    auto& stage = *source_->stages[waiting.stage];
    if (waiting.thrown && waiting.job != nullptr)
      stage.fail(*waiting.job, std::exchange(waiting.thrown, {}));
    else if (waiting.job != nullptr)
      core::give_back(stage, *call, *waiting.job);
    give_back(id);
  }
  return !arrived.empty();
}

// -- timeouts
// --------------------------------------------------------------------------------------

void session::time_out() {
  for (auto& each : seats_)
    while (each.now) {
      auto jobs = each.now->desk().take_overdue();
      if (jobs.empty())
        break;
      time_out(*each.now, jobs);
    }
  time_out_late();
}

/// The jobs of a call fail, while it goes on. A blocking one keeps its key until it returns (I3).
void session::time_out(assignment& of, const std::vector<job_desk::waiting_job>& jobs) {
  auto& first = jobs.front();
  auto& stage = *source_->stages[first.stage];
  auto blocks = stage.kind() == processor_kind::blocking;
  core::run ended;
  ended.memory = of.core().memory();
  for (auto& each : jobs) {
    stage.fail(*each.job, core::timeout_error(stage));
    each.job->timed_out = true;
    each.job->keeps_key = blocks;
    ended.append(*each.job);
    if (each.id != first.id)
      timed_out_.insert(each.id);
  }
  if (!blocks) {
    auto& late = late_.emplace(first.id, late_job{first, nullptr, true}).first->second;
    late.waiting.job = nullptr;
  }
  of.core().finished(std::move(ended));
}

/// A later assignment does not wait for the calls of this one any more, unless they are blocking.
void session::time_out_late() {
  for (auto& [id, late] : late_) {
    auto& waiting = late.waiting;
    auto& stage = *source_->stages[waiting.stage];
    if (late.memory == nullptr || !waiting.due || now_ < *waiting.due)
      continue;
    waiting.due.reset();
    if (stage.kind() == processor_kind::blocking)
      continue;
    waiting.overdue = std::make_shared<overdue_call>(stage, std::span{&waiting.job, 1});
    waiting.job = nullptr;
    late.memory = nullptr;
  }
}

/// The function does at last what it was called for; nobody looks at what it answers.
void session::work_on_overdue(const overdue_call& call) {
  core::run todo;
  for (auto& each : call.copies) {
    auto stage = each->stage;
    if (source_->stages[stage]->kind() != processor_kind::blocking || played[stage])
      work_on(*each);
    else
      todo.append(*each);
  }
  core::run done;
  while (!todo.empty())
    core::process_next(*source_->stages[todo.first->stage], todo, done);
}

/// Nobody waits for it: its partition was given up, or its timeout has passed.
void session::finish_late(uint64_t id) {
  answered_.insert(id);
  auto late = late_.extract(id);
  if (late.mapped().counts)
    stage_meters_[late.mapped().waiting.stage].late_answers.fetch_add(1);
}

} // namespace keyloom::rig
