#include "runtime/core/work_memory.hpp"

#include <exception>

namespace keyloom::core {

work_memory::work_memory(std::shared_ptr<const plan> source)
  : plan_(std::move(source)), free_jobs_(plan_->stages.size(), nullptr) {
  // nop
}

work_memory::~work_memory() {
  if (gone_)
    gone_();
}

event& work_memory::make_event() {
  if (free_events_ == nullptr) {
    auto& fresh = events_.emplace_back();
    fresh.memory = this;
    return fresh;
  }
  auto& ev = *free_events_;
  free_events_ = ev.next_in_chain;
  ev.next_in_chain = nullptr;
  prefetch(free_events_, sizeof(event));
  return ev;
}

void work_memory::recycle(event& ev) {
  ev.batch = nullptr;
  ev.home = nullptr;
  ev.interjected = nullptr;
  ev.held = nullptr;
  ev.open_jobs = 0;
  ev.unacknowledged = 0;
  ev.failed = false;
  ev.copied = false;
  ev.refused = false;
  ev.complete = false;
  ev.dead_letter = false;
  if (ev.tried.made > 0)
    ev.tried = {};
  ev.outputs.clear();
  arena_.release(ev.packed);
  ev.next_output = 0;
  ev.output_bytes = 0;
  ev.payload_bytes = 0;
  ev.next_in_chain = free_events_;
  free_events_ = &ev;
}

detail::job& work_memory::make_job(uint32_t stage) {
  auto*& free = free_jobs_[stage];
  if (free == nullptr) {
    jobs_.push_back(plan_->stages[stage]->make_job());
    jobs_.back()->stage = stage;
    return *jobs_.back();
  }
  auto& j = *free;
  free = j.next;
  j.next = nullptr;
  prefetch(free, job_bytes);
  return j;
}

completable_job& work_memory::make_completable(std::function<outcome(detail::turn&)> finish) {
  if (free_completables_ == nullptr) {
    free_completables_ = &completables_.emplace_back();
    free_completables_->stage = detail::job::no_stage;
  }
  auto& j = *free_completables_;
  free_completables_ = static_cast<completable_job*>(std::exchange(j.next, nullptr));
  j.finish = std::move(finish);
  j.way_back = std::make_shared<completion>(home_, j);
  return j;
}

void work_memory::recycle(detail::job& j) {
  j.origin = nullptr;
  j.pass = false;
  j.timed_out = false;
  j.keeps_key = false;
  j.again = false;
  j.unbegun = false;
  j.tried = {};
  j.held_bytes = 0;
  j.begun.store(false, std::memory_order_relaxed);
  if (j.stage == detail::job::no_stage) {
    auto& by_hand = static_cast<completable_job&>(j);
    by_hand.finish = nullptr;
    by_hand.failure = {};
    by_hand.way_back = nullptr;
    by_hand.next = std::exchange(free_completables_, &by_hand);
    return;
  }
  plan_->stages[j.stage]->clear(j);
  j.next = std::exchange(free_jobs_[j.stage], &j);
}

const event* work_memory::find_event(const tracker::open_batch& home, uint32_t index) const {
  for (auto& ev : events_)
    if (ev.home == &home && ev.index == index)
      return &ev;
  return nullptr;
}

void work_memory::give_up() {
  given_up_.store(true, std::memory_order_release);
  if (home_ != nullptr)
    home_->close();
}

namespace {

bool belong_together(const detail::job& a, const detail::job& b) {
  return a.stage == b.stage && a.key_hash == b.key_hash && a.key.data() != nullptr
         && b.key.data() != nullptr && a.key == b.key;
}

} // namespace

caf::error what_was_thrown(const std::string& by) {
  try {
    throw;
  } catch (const std::exception& ex) {
    return caf::make_error(errc::processor_failed, by + " threw: " + ex.what());
  } catch (...) {
    return caf::make_error(errc::processor_failed,
                           by + " threw something that is no std::exception");
  }
}

void process_next(detail::stage_base& stage, run& jobs, run& done) noexcept {
  auto* first = jobs.take();
  first->begun.store(true, std::memory_order_relaxed);
  done.append(*first);
  if (!stage.by_run()) {
    try {
      stage.process(*first);
    } catch (...) {
      stage.fail(*first, what_was_thrown());
    }
    return;
  }
  std::vector<detail::job*> together{first};
  while (!jobs.empty() && belong_together(*first, *jobs.first)) {
    together.push_back(jobs.take());
    together.back()->begun.store(true, std::memory_order_relaxed);
    done.append(*together.back());
  }
  try {
    stage.process_run(together);
  } catch (...) {
    auto reason = what_was_thrown();
    for (auto* j : together)
      stage.fail(*j, reason);
  }
}

run take_call(const detail::stage_base& stage, run& jobs) {
  run result;
  result.append(*jobs.take());
  while (stage.by_run() && !jobs.empty() && belong_together(*result.first, *jobs.first))
    result.append(*jobs.take());
  return result;
}

void leave_unbegun(run& jobs, run& done) noexcept {
  while (auto* j = jobs.take()) {
    j->unbegun = true;
    done.append(*j);
  }
}

caf::error begin(detail::stage_base& stage, std::unique_ptr<detail::job> call,
                 detail::completion_port_ptr to) noexcept try {
  stage.begin(std::move(call), std::move(to));
  return {};
} catch (...) {
  return what_was_thrown();
}

caf::error lend(detail::stage_base& stage, detail::job& from, detail::job& call) noexcept try {
  stage.lend(from, call);
  return {};
} catch (...) {
  return what_was_thrown("copying the job, which a stage with a timeout does,");
}

void give_back(detail::stage_base& stage, detail::job& call, detail::job& to) noexcept try {
  stage.give_back(call, to);
} catch (...) {
  stage.fail(to, what_was_thrown("moving the job or its result back from the call"));
}

caf::error timeout_error(const detail::stage_base& stage) {
  return caf::make_error(
    errc::timed_out, "the call took longer than the stage's timeout of "
                       + std::to_string(stage.timeout().count())
                       + " ms; what it still answers is dropped. Raise stage_options::timeout if "
                         "calls may take that long");
}

} // namespace keyloom::core
