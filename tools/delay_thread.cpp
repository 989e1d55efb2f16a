#include "tools/delay_thread.hpp"

#include <caf/sec.hpp>

#include <algorithm>

namespace keyloom::tools {

namespace {

/// How often it looks for jobs before it sleeps, which takes some ten microseconds: under load the
/// next ones are about to come, and falling asleep and being woken costs more.
constexpr int looks = 300;

} // namespace

delay_thread::delay_thread() : thread_([this] { work(); }) {
  // nop
}

delay_thread::~delay_thread() {
  stopped_ = true;
  wake();
  thread_.join();
}

void delay_thread::answer_later(const delay_job& job, completion<int64_t> done) {
  auto due = job.delay_us <= 0 ? clock::time_point{}
                               : clock::now() + std::chrono::microseconds{job.delay_us};
  auto* given = new pending{due, job, std::move(done)};
  given->next = given_.load();
  while (!given_.compare_exchange_weak(given->next, given)) {
    // another thread was quicker: link to its job instead
  }
  wake();
}

void delay_thread::wake() {
  if (!sleeping_ || !sleeping_.exchange(false))
    return;
  std::lock_guard guard{mutex_};
  changed_.notify_one();
}

void delay_thread::work() {
  for (int left = looks; !stopped_ || given_ != nullptr || !waiting_.empty();) {
    auto news = take_given();
    news |= answer_due();
    if (!news && --left == 0)
      rest();
    if (news || left == 0)
      left = looks;
  }
}

/// Sleeps until it is woken, or a delay is over.
void delay_thread::rest() {
  std::unique_lock lock{mutex_};
  sleeping_ = true;
  auto woken = [this] { return !sleeping_ || given_ != nullptr || stopped_; };
  if (waiting_.empty())
    changed_.wait(lock, woken);
  else
    changed_.wait_until(lock, waiting_.front()->due, woken);
  sleeping_ = false;
}

/// True: there were jobs.
bool delay_thread::take_given() {
  auto* newest = given_ == nullptr ? nullptr : given_.exchange(nullptr);
  auto any = newest != nullptr;
  pending* first = nullptr;
  while (newest != nullptr) {
    auto* before = std::exchange(newest->next, first);
    first = std::exchange(newest, before);
  }
  for (auto* each = first; each != nullptr;) {
    std::unique_ptr<pending> mine{each};
    each = each->next;
    if (mine->job.delay_us <= 0) {
      answer(*mine);
    } else {
      waiting_.push_back(std::move(mine));
      std::push_heap(waiting_.begin(), waiting_.end(), later{});
    }
  }
  return any;
}

/// True: some were due.
bool delay_thread::answer_due() {
  auto before = waiting_.size();
  for (auto now = clock::now(); !waiting_.empty() && waiting_.front()->due <= now;) {
    std::pop_heap(waiting_.begin(), waiting_.end(), later{});
    answer(*waiting_.back());
    waiting_.pop_back();
  }
  return waiting_.size() < before;
}

void delay_thread::answer(pending& done) {
  if (fails(done.job.fail_rate))
    done.done(caf::make_error(caf::sec::runtime_error, "failed on purpose (--fail-rate)"));
  else
    done.done(done.job.delay_us);
}

} // namespace keyloom::tools
