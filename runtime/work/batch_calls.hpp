// Executes the batches of a source's batchers with blocking functions: on threads of the source's
// `thread_set`, one for each batch under way, of which each batcher has as many as it allows
// itself. What was executed goes into the batcher's `batch_inbox`, which wakes it once for all that
// is there. Any thread.
#pragma once

#include "runtime/core/batcher.hpp"
#include "runtime/work/thread_set.hpp"

namespace keyloom::work {

/// Where executed batches go. Shared by a batcher and the calls that work for it, because a call
/// may outlive a batcher that died.
class batch_inbox {
public:
  /// `wake` is called, from any thread, when there is something to take and was not before.
  explicit batch_inbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void put(core::batch& executed);
  std::vector<core::batch*> take();

  /// The batcher is gone: keeps what the calls still under way work with until they have returned.
  void close(std::unique_ptr<core::batcher> kept);

private:
  std::mutex mutex_;
  std::function<void()> wake_; // guarded by mutex_, as all below; empty once closed
  std::vector<core::batch*> executed_;
  std::unique_ptr<core::batcher> kept_;
};

class batch_calls {
public:
  explicit batch_calls(std::shared_ptr<thread_set> threads) : threads_(std::move(threads)) {}
  batch_calls(const batch_calls&) = delete;
  batch_calls& operator=(const batch_calls&) = delete;

  /// Calls `stop`.
  ~batch_calls() { stop(); }

  /// Executes a batch, soon; after `stop` never.
  void call(detail::batcher_base& definition, core::batch& items, std::shared_ptr<batch_inbox> to);

  /// Waits for the executions under way; what has not begun is dropped.
  void stop();

  /// Executions under way.
  size_t running() const;

private:
  bool begin();
  void end();

  std::shared_ptr<thread_set> threads_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  size_t called_ = 0; // guarded by mutex_, as all below: under way, or waiting for a thread
  size_t running_ = 0;
  bool stopped_ = false;
};

} // namespace keyloom::work
