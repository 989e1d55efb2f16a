#include "runtime/work/worker_pool.hpp"

#include "runtime/work/timed_calls.hpp"

#include <algorithm>

namespace keyloom::work {

using std::chrono::steady_clock;

worker_pool::worker_pool(const core::plan& source, std::vector<uint32_t> concurrency,
                         std::span<core::stage_meter> meters, std::shared_ptr<thread_set> threads)
  : source_(source), meters_(meters), clock_(source), lines_(concurrency.size()),
    threads_(std::move(threads)) {
  for (size_t i = 0; i < concurrency.size(); ++i)
    lines_[i].concurrency = concurrency[i];
}

worker_pool::~worker_pool() {
  stop();
}

void worker_pool::submit(strand_ptr ready) {
  std::unique_lock lock{mutex_};
  if (stopped_)
    return;
  auto& line = lines_[ready->stage()];
  if (line.running >= line.concurrency) {
    line.waiting.push_back(std::move(ready));
    return;
  }
  make_ready(line, std::move(ready));
  call_worker();
}

void worker_pool::set_concurrency(uint32_t stage, uint32_t concurrency) {
  std::lock_guard guard{mutex_};
  if (stopped_)
    return;
  auto& line = lines_[stage];
  line.concurrency = concurrency;
  note(line);
  begin_waiting(line);
}

void worker_pool::look_again(uint32_t stage) {
  std::lock_guard guard{mutex_};
  if (stopped_)
    return;
  auto& line = lines_[stage];
  std::ranges::move(std::exchange(line.held, {}), std::back_inserter(line.waiting));
  begin_waiting(line);
}

// With mutex_ held:

void worker_pool::note(stage_line& line) {
  line.overfull = line.running > line.concurrency;
}

void worker_pool::make_ready(stage_line& line, strand_ptr strand) {
  ++line.running;
  note(line);
  ready_.push_back(std::move(strand));
}

void worker_pool::make_first_ready(stage_line& line) {
  auto first = std::move(line.waiting.front());
  line.waiting.pop_front();
  make_ready(line, std::move(first));
}

/// As many as may be worked on at once.
void worker_pool::begin_waiting(stage_line& line) {
  while (line.running < line.concurrency && !line.waiting.empty()) {
    make_first_ready(line);
    call_worker();
  }
}

void worker_pool::call_worker() {
  if (workers_ >= working_ + ready_.size())
    return; // one that gives its strand back just now will look
  ++workers_;
  threads_->call([this] { work(); });
}

void worker_pool::stop() {
  std::shared_ptr<thread_set> threads; // goes outside of the lock: it may be the last of it
  std::unique_lock lock{mutex_};
  stopped_ = true;
  ready_.clear();
  for (auto& line : lines_) {
    line.waiting.clear();
    line.held.clear();
  }
  worker_ended_.wait(lock, [this] { return workers_ == 0; });
  threads.swap(threads_);
  lock.unlock();
  collector_.stop();
  clock_.stop(); // last: calls may take too long while we wait for them
}

size_t worker_pool::running() const {
  std::lock_guard guard{mutex_};
  return working_;
}

void worker_pool::work() {
  std::unique_lock lock{mutex_};
  for (auto mine = next(nullptr, {}); mine != nullptr;) {
    lock.unlock();
    auto left = work_on(*mine);
    lock.lock();
    mine = next(std::move(mine), left);
  }
  --workers_;
  worker_ended_.notify_all(); // under the lock: who waits may destroy us next
}

/// Gives `done` back, to the end of its line when it has more work, or aside, and takes the next
/// strand. Null: there is none. With mutex_ held.
strand_ptr worker_pool::next(strand_ptr done, const rest& of) {
  if (done != nullptr)
    give_back(std::move(done), of);
  if (stopped_ || ready_.empty())
    return nullptr;
  auto result = std::move(ready_.front());
  ready_.pop_front();
  ++working_;
  return result;
}

/// With mutex_ held.
void worker_pool::give_back(strand_ptr done, const rest& of) {
  --working_;
  auto stage = done->stage();
  auto& line = lines_[stage];
  if (of.held_by != nullptr && !of.memory->given_up()
      && source_.stages[stage]->held_back() == of.held_by)
    line.held.push_back(std::move(done));
  else if (of.more) // or what held it back has changed since the worker looked
    line.waiting.push_back(std::move(done));
  --line.running;
  note(line);
  if (line.running < line.concurrency && !line.waiting.empty())
    make_first_ready(line); // without a call: there is a worker, this one
}

/// There is more work when the time slice is over, the stage's limit was lowered, or the next job
/// is held back.
worker_pool::rest worker_pool::work_on(strand& mine) {
  auto index = mine.stage();
  auto& stage = *source_.stages[index];
  auto until = steady_clock::now() + time_slice;
  for (auto jobs = mine.take(); !jobs.empty(); jobs = mine.take()) {
    auto memory = jobs.memory;
    if (stage.timeout().count() == 0)
      process(jobs, stage, index);
    else
      process_timed(jobs, stage, index);
    if (!jobs.empty() && !stopped_ && !memory->given_up()) {
      auto held = stage.held_back();
      if (held != nullptr && !held->hold(jobs.first->key))
        held = nullptr;
      mine.put_back(std::move(jobs));
      return {true, std::move(held), std::move(memory)};
    }
    if (steady_clock::now() >= until && others_wait(index))
      return {true};
  }
  return {};
}

bool worker_pool::others_wait(uint32_t stage) const {
  std::lock_guard guard{mutex_};
  return stopped_ || !lines_[stage].waiting.empty();
}

void worker_pool::count_call(uint32_t stage, int64_t change) {
  if (!meters_.empty())
    meters_[stage].running.fetch_add(change, std::memory_order_relaxed);
}

void worker_pool::note_call(uint32_t stage, uint64_t jobs, steady_clock::duration took) {
  if (!meters_.empty())
    meters_[stage].note_calls(jobs, took);
}

/// False: no call that has not begun may begin, for now or for good.
bool worker_pool::goes_on(const core::run& jobs, uint32_t stage) const {
  return !stopped_ && !jobs.memory->given_up() && !lines_[stage].overfull
         && !source_.stages[stage]->holds_back(*jobs.first);
}

/// What is left in `jobs` was not begun.
void worker_pool::process(core::run& jobs, detail::stage_base& stage, uint32_t index) {
  core::run done;
  done.memory = jobs.memory;
  auto retries = source_.retry_of(index).enabled();
  auto began = steady_clock::now();
  auto report_at = began + report_interval;
  auto report = [this, &done] {
    auto memory = done.memory;
    collector_.finished(std::exchange(done, core::run{}));
    done.memory = std::move(memory);
  };
  while (!jobs.empty() && goes_on(jobs, index)) {
    count_call(index, 1);
    auto waiting = jobs.count;
    core::process_next(stage, jobs, done);
    count_call(index, -1);
    auto called = waiting - jobs.count;
    if (retries && stage.failure(*done.last) != nullptr)
      core::leave_unbegun(jobs, done);
    auto now = steady_clock::now();
    note_call(index, called, now - std::exchange(began, now));
    if (now >= report_at) {
      report();
      report_at = now + report_interval;
    }
  }
  if (!done.empty())
    report();
}

/// As above, for a stage with a timeout. What it reports goes home at once, as what the clock
/// reports does: a key's jobs stay in order.
void worker_pool::process_timed(core::run& jobs, detail::stage_base& stage, uint32_t index) {
  auto memory = jobs.memory;
  timed_calls calls{stage, index, clock_, memory};
  auto retries = source_.retry_of(index).enabled();
  auto began = steady_clock::now();
  auto report_at = began + report_interval;
  while (!jobs.empty() && goes_on(jobs, index)) {
    count_call(index, 1);
    auto waiting = jobs.count;
    auto well = calls.make(core::take_call(stage, jobs));
    count_call(index, -1);
    auto called = waiting - jobs.count;
    if (retries && !well)
      calls.leave_unbegun(jobs);
    auto now = steady_clock::now();
    note_call(index, called, now - std::exchange(began, now));
    if (!calls.done().empty() && now >= report_at) {
      memory->back().finished(calls.take_done());
      report_at = now + report_interval;
    }
  }
  if (!calls.done().empty())
    memory->back().finished(calls.take_done());
}

} // namespace keyloom::work
