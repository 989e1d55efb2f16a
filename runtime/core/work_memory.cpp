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
  free_events_ = ev.next_free;
  return ev;
}

void work_memory::recycle(event& ev) {
  ev.batch = nullptr;
  ev.home = nullptr;
  ev.open_jobs = 0;
  ev.unacknowledged = 0;
  ev.failed = false;
  ev.refused = false;
  ev.complete = false;
  ev.outputs.clear();
  ev.next_output = 0;
  ev.next_free = free_events_;
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
  return j;
}

void work_memory::recycle(detail::job& j) {
  plan_->stages[j.stage]->clear(j);
  j.origin = nullptr;
  j.next = free_jobs_[j.stage];
  free_jobs_[j.stage] = &j;
}

void process(detail::stage_base& stage, detail::job& j) noexcept {
  try {
    stage.process(j);
  } catch (const std::exception& ex) {
    stage.fail(j, caf::make_error(errc::processor_failed,
                                  std::string{"the processor threw: "} + ex.what()));
  } catch (...) {
    stage.fail(j, caf::make_error(errc::processor_failed,
                                  "the processor threw something that is no std::exception"));
  }
}

} // namespace keyloom::core
