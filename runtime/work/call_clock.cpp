#include "runtime/work/call_clock.hpp"

#include <algorithm>

namespace keyloom::work {

using std::chrono::steady_clock;

call_clock::call_clock(const core::plan& source) {
  for (auto& stage : source.stages)
    stages_.emplace_back(stage->timeout());
}

call_clock::~call_clock() {
  stop();
}

void call_clock::begin(uint32_t stage, call& x) {
  std::lock_guard guard{mutex_};
  x.overdue_ = false;
  if (stopped_)
    return;
  auto& deadlines = stages_[stage];
  auto now = steady_clock::now();
  deadlines.add(x, now);
  if (!thread_.joinable())
    thread_ = std::thread{[this] { watch(); }};
  // Later deadlines of a stage it looks at anyway: waking it for each call would cost more than
  // many a call.
  if (now + deadlines.timeout() < wakes_at_)
    changed_.notify_one();
}

bool call_clock::end(uint32_t stage, call& x) {
  std::lock_guard guard{mutex_};
  stages_[stage].remove(x);
  return !x.overdue_;
}

void call_clock::stop() {
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void call_clock::watch() {
  std::unique_lock lock{mutex_};
  while (!stopped_) {
    auto next = core::steady_time::max();
    for (auto& deadlines : stages_) {
      while (auto* due = static_cast<call*>(deadlines.take_due(steady_clock::now()))) {
        due->overdue_ = true;
        due->expired();
      }
      next = std::min(next, deadlines.next().value_or(next));
    }
    wakes_at_ = next;
    if (next == core::steady_time::max())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, next);
  }
}

} // namespace keyloom::work
