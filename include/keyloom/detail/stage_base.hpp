// A stage without its types: what the runtime calls. Made once by `event_source::stage`, shared by
// all partitions. Only its limits and pauses change after start; any thread may read and set them.
// `process` runs on the processor's thread, the rest on the thread of the job's partition.
#pragma once

#include <keyloom/completion.hpp>
#include <keyloom/detail/job.hpp>
#include <keyloom/detail/pauses.hpp>
#include <keyloom/detail/turn.hpp>
#include <keyloom/processor.hpp>
#include <keyloom/stage_options.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>

namespace keyloom::detail {

class actor_port; // handler_actor.hpp

class stage_base {
public:
  stage_base(std::string name, processor_kind kind, const stage_options& options, bool by_run)
    : name_(std::move(name)), kind_(kind), by_run_(by_run), mode_(options.mode),
      timeout_(options.timeout), retry_(options.retry), on_error_(options.on_error) {
    set_limits(options.limits);
  }
  virtual ~stage_base() = default;

  const std::string& name() const { return name_; }
  processor_kind kind() const { return kind_; }
  /// One call for the jobs of a key that came together: `process_run` instead of `process`.
  bool by_run() const { return by_run_; }
  stage_mode mode() const { return mode_; }
  /// Of one call; 0: none.
  std::chrono::milliseconds timeout() const { return timeout_; }
  /// Null: the source's.
  const retry_policy* retry() const { return retry_ ? &*retry_ : nullptr; }
  std::optional<failure_action> on_error() const { return on_error_; }

  /// The present limits. Each number is one that was set; while they are being set, the others may
  /// still be the former ones.
  stage_limits limits() const {
    return {.concurrency = concurrency_.load(std::memory_order_relaxed),
            .waiting_per_worker = waiting_per_worker_.load(std::memory_order_relaxed),
            .concurrent_keys = concurrent_keys_.load(std::memory_order_relaxed)};
  }

  void set_limits(const stage_limits& limits) {
    concurrency_.store(limits.concurrency, std::memory_order_relaxed);
    waiting_per_worker_.store(limits.waiting_per_worker, std::memory_order_relaxed);
    concurrent_keys_.store(limits.concurrent_keys, std::memory_order_relaxed);
  }

  /// What an inspector holds back; null: nothing.
  std::shared_ptr<const pauses> held_back() const {
    if (!any_pause_.load(std::memory_order_acquire))
      return nullptr;
    std::lock_guard guard{pauses_mutex_};
    return pauses_;
  }

  void hold_back(pauses what) {
    std::lock_guard guard{pauses_mutex_};
    pauses_ = what.empty() ? nullptr : std::make_shared<const pauses>(std::move(what));
    any_pause_.store(pauses_ != nullptr, std::memory_order_release);
  }

  /// Whether a job may not begin, as it stands now.
  bool holds_back(const job& j) const {
    auto now = held_back();
    return now != nullptr && now->hold(j.key);
  }

  /// A new job of this stage's types, blank.
  virtual std::unique_ptr<job> make_job() const = 0;

  /// Calls the user's function; what it throws comes out. Not for handler actors.
  virtual void process(job& j) = 0;

  /// The same for a function that takes the jobs of a key together; `jobs` is not empty.
  virtual void process_run(std::span<job* const> jobs) = 0;

  /// Calls the user's asynchronous function for a call of its own, which comes back through `to`;
  /// what the function throws comes out. For asynchronous functions only.
  virtual void begin(std::unique_ptr<job> call, completion_port_ptr to) = 0;

  /// Whether the user's job can be copied, as a stage with a timeout needs it.
  virtual bool copies_jobs() const = 0;

  /// Whether nothing in the user's job can lie in its record's memory.
  virtual bool owns_jobs() const = 0;

  /// Gives a call key and payload of a job: with a timeout a copy of the payload, because the job
  /// may be finalized while the call is still under way, otherwise the payload itself. What copying
  /// throws comes out.
  virtual void lend(job& from, job& call) = 0;

  /// Takes payload and result of a call that has ended back into its job. What moving them throws
  /// comes out; the job is then to be failed, and may have lost its payload.
  virtual void give_back(job& call, job& to) = 0;

  /// Sets the job's result to an error.
  virtual void fail(job& j, caf::error reason) = 0;

  /// The error the job was worked on with; null when it has a result, or when the job itself was
  /// lost on its way back, so that it cannot be called again.
  virtual const caf::error* failure(const job& j) const = 0;

  /// Calls the user's finalizer with the job's result; what it throws comes out. Without a
  /// finalizer the result decides: an error fails the event, anything else completes it.
  virtual outcome finalize(turn& t, job& j) = 0;

  /// Makes the job blank again: destroys the user's objects in it.
  virtual void clear(job& j) = 0;

  /// How to reach the handler actor; null unless kind() is `actor`.
  virtual actor_port* handlers() = 0;

private:
  std::string name_;
  processor_kind kind_;
  bool by_run_;
  stage_mode mode_;
  std::chrono::milliseconds timeout_;
  std::optional<retry_policy> retry_;
  std::optional<failure_action> on_error_;
  std::atomic<uint32_t> concurrency_;
  std::atomic<uint32_t> waiting_per_worker_;
  std::atomic<uint32_t> concurrent_keys_;
  std::atomic<bool> any_pause_ = false;
  mutable std::mutex pauses_mutex_;
  std::shared_ptr<const pauses> pauses_; // guarded by pauses_mutex_
};

} // namespace keyloom::detail
