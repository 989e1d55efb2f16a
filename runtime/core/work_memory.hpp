// The events and jobs of one assignment of a partition. They are recycled, so that in the long run
// nothing is allocated for a record, and they live until the partition was given up *and* the last
// call that still works on one of its jobs has returned: whoever works on a job holds a reference.
// What the partition's own thread does (make, recycle) and what others do (look at `given_up`, drop
// their reference) is marked below.
#pragma once

#include "runtime/core/completable_job.hpp"
#include "runtime/core/event.hpp"
#include "runtime/core/plan.hpp"
#include "runtime/core/prefetch.hpp"

#include <atomic>
#include <deque>
#include <functional>
#include <memory>

namespace keyloom::core {

class work_memory : public caf::ref_counted {
public:
  explicit work_memory(std::shared_ptr<const plan> source);
  ~work_memory() override;

  const plan& source() const { return *plan_; }

  // -- the partition's thread --------------------------------------------------------------------

  event& make_event();
  void recycle(event& ev);
  output_arena& arena() { return arena_; }
  detail::job& make_job(uint32_t stage);
  completable_job& make_completable(std::function<outcome(detail::turn&)> finish);
  void recycle(detail::job& j);

  /// The event of this record, while it is one; null before its handler was considered, when it is
  /// out, and where a departure is left of it. Looks at all events: for who asks seldom.
  const event* find_event(const tracker::open_batch& home, uint32_t index) const;

  /// Calls `f(const detail::job&)` with each job that an event waits for, by hand or in a stage.
  /// Looks at no more than `most` jobs of each kind, those included that nobody waits for.
  template <class Function>
  void each_job(Function f, size_t most = SIZE_MAX) const {
    for (size_t i = 0; i < jobs_.size() && i < most; ++i)
      if (jobs_[i]->origin != nullptr)
        f(std::as_const(*jobs_[i]));
    for (size_t i = 0; i < completables_.size() && i < most; ++i)
      if (completables_[i].origin != nullptr)
        f(static_cast<const detail::job&>(completables_[i]));
  }

  /// Calls `f(const event&)` with each of the first `most` events, also with those that are not in
  /// use.
  template <class Function>
  void each_event(Function f, size_t most) const {
    for (size_t i = 0; i < events_.size() && i < most; ++i)
      f(events_[i]);
  }

  /// No call that has not begun may begin, and no job that is done by hand comes back.
  void give_up();

  /// Sets the ways back: of runs, before the first one leaves, and of jobs that are done by hand,
  /// before the first one is made.
  void returns_to(std::shared_ptr<return_port> port, std::shared_ptr<home_port> by_hand = nullptr) {
    back_ = std::move(port);
    home_ = std::move(by_hand);
  }

  /// Called when the last reference is gone, on the thread that dropped it.
  void on_gone(std::function<void()> callback) { gone_ = std::move(callback); }

  // -- any thread --------------------------------------------------------------------------------

  /// Item sets in batchers which a hand-over need not wait for, as they wait to be executed again.
  void add_standing(int64_t sets) { standing_.fetch_add(sets, std::memory_order_relaxed); }
  int64_t standing() const { return standing_.load(std::memory_order_relaxed); }

  bool given_up() const { return given_up_.load(std::memory_order_acquire); }
  return_port& back() const { return *back_; }

private:
  std::shared_ptr<const plan> plan_;
  output_arena arena_;
  std::deque<event> events_;
  event* free_events_ = nullptr;
  std::vector<std::unique_ptr<detail::job>> jobs_;
  std::vector<detail::job*> free_jobs_; // by stage
  std::deque<completable_job> completables_;
  completable_job* free_completables_ = nullptr;
  std::shared_ptr<home_port> home_; // null where no job is done by hand
  std::atomic<bool> given_up_ = false;
  std::atomic<int64_t> standing_ = 0;
  std::shared_ptr<return_port> back_;
  std::function<void()> gone_;
};

using work_memory_ptr = caf::intrusive_ptr<work_memory>;

/// What is read of every job, whatever it carries.
constexpr size_t job_bytes = 192;

/// Jobs of one key, in order, that travel together; or, for a lane, jobs of several keys.
struct run {
  work_memory_ptr memory;
  detail::job* first = nullptr;
  detail::job* last = nullptr;
  uint32_t count = 0;

  bool empty() const { return first == nullptr; }

  void append(detail::job& j) {
    j.next = nullptr;
    (first == nullptr ? first : last->next) = &j;
    last = &j;
    ++count;
  }

  /// Appends all jobs of `other`, which is empty afterwards.
  void append(run&& other) {
    if (other.empty())
      return;
    if (empty())
      memory = std::move(other.memory);
    (first == nullptr ? first : last->next) = other.first;
    last = other.last;
    count += other.count;
    other = run{};
  }

  /// They come from another core: what is two jobs ahead is asked for meanwhile.
  detail::job* take() {
    auto* j = first;
    if (j != nullptr) {
      first = j->next;
      --count;
      if (first != nullptr)
        prefetch(first->next, job_bytes);
    }
    return j;
  }
};

/// One call of the function of `stage`: for the first of `jobs`, or, by run, for the first ones of
/// the same stage and key. Moves them to `done`. What it throws becomes their result. The
/// processor's thread.
void process_next(detail::stage_base& stage, run& jobs, run& done) noexcept;

/// Takes the jobs of the next call that `process_next` would make, one or more.
run take_call(const detail::stage_base& stage, run& jobs);

/// Moves what is left of `jobs` to `done`, as not begun: what failed before them is to be called
/// again first.
void leave_unbegun(run& jobs, run& done) noexcept;

/// Calls the stage's asynchronous function for a call of its own; returns what it threw. A CAF
/// thread.
caf::error begin(detail::stage_base& stage, std::unique_ptr<detail::job> call,
                 detail::completion_port_ptr to) noexcept;

/// The error of a call that threw; inside of a catch block.
caf::error what_was_thrown(const std::string& by = "the processor");

/// Lends a job to a call; returns what copying it threw.
caf::error lend(detail::stage_base& stage, detail::job& from, detail::job& call) noexcept;

/// Takes what a call had back into its job; fails the job when that throws.
void give_back(detail::stage_base& stage, detail::job& call, detail::job& to) noexcept;

/// What a job fails with whose call took too long.
caf::error timeout_error(const detail::stage_base& stage);

} // namespace keyloom::core
