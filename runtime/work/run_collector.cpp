#include "runtime/work/run_collector.hpp"

#include <algorithm>

namespace keyloom::work {

using std::chrono::steady_clock;

run_collector::~run_collector() {
  stop();
}

void run_collector::finished(core::run&& done) {
  auto now = steady_clock::now();
  {
    std::lock_guard guard{mutex_};
    // Behind what was gathered, or is just being sent, nothing may go home: it may be of a key that
    // has an earlier run there.
    if (!stopped_ && (now < rests_until_ || !gathered_.empty() || sending_)) {
      gather(std::move(done));
      return;
    }
    rests_until_ = now + interval;
  }
  auto memory = done.memory;
  memory->back().finished(std::move(done));
}

void run_collector::stop() {
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
  }
  begun_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

/// With mutex_ held.
void run_collector::gather(core::run&& done) {
  auto same = std::find_if(gathered_.begin(), gathered_.end(),
                           [&](auto& each) { return each.memory == done.memory; });
  if (same != gathered_.end())
    same->append(std::move(done));
  else
    gathered_.push_back(std::move(done));
  if (!thread_.joinable())
    thread_ = std::thread{[this] { deliver(); }};
  else if (idle_)
    begun_.notify_one(); // while runs keep coming the thread looks by itself
}

void run_collector::deliver() {
  std::vector<core::run> leaving;
  std::unique_lock lock{mutex_};
  while (!stopped_ || !gathered_.empty()) {
    if (!stopped_)
      begun_.wait_until(lock, rests_until_, [this] { return stopped_; });
    if (gathered_.empty()) {
      idle_ = true;
      begun_.wait(lock, [this] { return stopped_ || !gathered_.empty(); });
      idle_ = false;
      continue;
    }
    leaving.swap(gathered_);
    rests_until_ = steady_clock::now() + interval;
    sending_ = true;
    lock.unlock();
    send(leaving);
    lock.lock();
    sending_ = false;
  }
}

void run_collector::send(std::vector<core::run>& runs) {
  for (auto& each : runs) {
    auto memory = each.memory;
    memory->back().finished(std::move(each));
  }
  runs.clear();
}

} // namespace keyloom::work
