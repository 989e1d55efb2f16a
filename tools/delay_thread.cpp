#include "tools/delay_thread.hpp"

#include <caf/sec.hpp>

namespace keyloom::tools {

delay_thread::delay_thread() : thread_([this] { work(); }) {
  // nop
}

delay_thread::~delay_thread() {
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void delay_thread::answer_later(const delay_job& job, completion<int64_t> done) {
  auto due = job.delay_us <= 0 ? clock::time_point{}
                               : clock::now() + std::chrono::microseconds{job.delay_us};
  auto first = false;
  {
    std::lock_guard guard{mutex_};
    first = given_.empty();
    given_.push_back({due, job, std::move(done)});
  }
  if (first)
    changed_.notify_one();
}

void delay_thread::work() {
  std::unique_lock lock{mutex_};
  while (!stopped_ || !given_.empty() || !waiting_.empty()) {
    auto news = [this] { return stopped_ || !given_.empty(); };
    if (waiting_.empty())
      changed_.wait(lock, news);
    else
      changed_.wait_until(lock, waiting_.top().due, news);
    take_given(lock);
    answer_due();
    lock.lock();
  }
}

/// Unlocks.
void delay_thread::take_given(std::unique_lock<std::mutex>& lock) {
  auto given = std::exchange(given_, {});
  lock.unlock();
  for (auto& each : given)
    if (each.job.delay_us <= 0)
      answer(each);
    else
      waiting_.push(std::move(each));
}

void delay_thread::answer_due() {
  if (waiting_.empty())
    return;
  for (auto now = clock::now(); !waiting_.empty() && waiting_.top().due <= now; waiting_.pop())
    answer(const_cast<pending&>(waiting_.top())); // it is popped before anything compares it
}

void delay_thread::answer(pending& done) {
  if (done.job.fail)
    done.done(caf::make_error(caf::sec::runtime_error, "failed on purpose (--fail-rate)"));
  else
    done.done(done.job.delay_us);
}

} // namespace keyloom::tools
