#include "runtime/work/worker_pool.hpp"

namespace keyloom::work {

using std::chrono::steady_clock;

worker_pool::worker_pool(const core::plan& source, std::vector<uint32_t> concurrency,
                         std::span<core::stage_meter> meters)
  : source_(source), meters_(meters), lines_(concurrency.size()) {
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
  if (line.running == line.concurrency) {
    line.waiting.push_back(std::move(ready));
    return;
  }
  ++line.running;
  ready_.push_back(std::move(ready));
  if (threads_.size() < working_ + ready_.size())
    threads_.emplace_back([this] { work(); });
  else
    ready_changed_.notify_one();
}

void worker_pool::stop() {
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
    ready_.clear();
    for (auto& line : lines_)
      line.waiting.clear();
  }
  ready_changed_.notify_all();
  for (auto& thread : threads_)
    thread.join();
  threads_.clear();
}

size_t worker_pool::running() const {
  std::lock_guard guard{mutex_};
  return working_;
}

void worker_pool::work() {
  std::unique_lock lock{mutex_};
  for (auto mine = next(lock, nullptr, false); mine != nullptr;) {
    lock.unlock();
    auto more = work_on(*mine);
    lock.lock();
    mine = next(lock, std::move(mine), more);
  }
}

/// Gives `done` back, to the end of its line when it has `more` work, and waits for the next
/// strand. Null: stop.
strand_ptr worker_pool::next(std::unique_lock<std::mutex>& lock, strand_ptr done, bool more) {
  if (done != nullptr) {
    --working_;
    auto& line = lines_[done->stage()];
    if (more)
      line.waiting.push_back(std::move(done));
    --line.running;
    if (!line.waiting.empty()) {
      ++line.running;
      ready_.push_back(std::move(line.waiting.front()));
      line.waiting.pop_front();
    }
  }
  ready_changed_.wait(lock, [this] { return stopped_ || !ready_.empty(); });
  if (stopped_)
    return nullptr;
  auto result = std::move(ready_.front());
  ready_.pop_front();
  ++working_;
  return result;
}

/// True: the time slice is over, and the strand has more work.
bool worker_pool::work_on(strand& mine) {
  auto& stage = *source_.stages[mine.stage()];
  auto until = steady_clock::now() + time_slice;
  for (auto jobs = mine.take(); !jobs.empty(); jobs = mine.take()) {
    process(std::move(jobs), stage);
    if (steady_clock::now() >= until && others_wait(mine.stage()))
      return true;
  }
  return false;
}

bool worker_pool::others_wait(uint32_t stage) const {
  std::lock_guard guard{mutex_};
  return stopped_ || !lines_[stage].waiting.empty();
}

void worker_pool::count_call(const detail::job& j, int64_t change) {
  if (!meters_.empty())
    meters_[j.stage].running.fetch_add(change, std::memory_order_relaxed);
}

void worker_pool::process(core::run jobs, detail::stage_base& stage) {
  core::run done;
  done.memory = jobs.memory;
  auto report_at = steady_clock::now() + report_interval;
  while (auto* j = jobs.take()) {
    if (stopped_ || jobs.memory->given_up())
      return;
    count_call(*j, 1);
    core::process(stage, *j);
    count_call(*j, -1);
    done.append(*j);
    if (auto now = steady_clock::now(); jobs.empty() || now >= report_at) {
      auto memory = done.memory;
      memory->back().finished(std::exchange(done, core::run{}));
      done.memory = std::move(memory);
      report_at = now + report_interval;
    }
  }
}

} // namespace keyloom::work
