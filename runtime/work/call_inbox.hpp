// Where calls of asynchronous functions come back: any thread puts them in, their owner takes them
// out. The owner is woken once for all that arrives while it rests, and not at all while it is at
// work, so that answers that come close together cost one message. Lives as long as the last
// completion, which may be longer than its owner, its source and the actor system: after `close` it
// holds on to nothing of theirs, and frees what still arrives.
#pragma once

#include <keyloom/completion.hpp>

#include <functional>
#include <mutex>

namespace keyloom::work {

class call_inbox final : public detail::completion_port {
public:
  /// `wake` is called, on any thread, when something has arrived and the owner rests. It must only
  /// pass the news on.
  explicit call_inbox(std::function<void()> wake) : wake_(std::move(wake)) {}
  ~call_inbox() override { close(); }

  // -- any thread --------------------------------------------------------------------------------

  void completed(std::unique_ptr<detail::job> call) noexcept override;

  /// Something else than a call is there for the owner.
  void signal();

  // -- the owner ---------------------------------------------------------------------------------

  /// The owner is at work, and will look again before it rests.
  void begin_work();

  /// The calls that have arrived since the last time, linked by `next`, in the order they came.
  detail::job* take();

  /// True: nothing has arrived, and the next that does will wake. False: look again.
  bool rest();

  /// The owner is going away: it is not woken any more.
  void close();

private:
  static void free_all(detail::job* calls);
  void wake();

  // What stands in for a pointer to a call; a null `head_` means that the owner rests.
  detail::job working_;
  detail::job closed_;

  std::atomic<detail::job*> head_ = nullptr; ///< the newest call, linked to earlier ones
  std::atomic<bool> signalled_ = false;
  std::mutex mutex_;
  std::function<void()> wake_; // guarded by mutex_; empty when closed
};

using call_inbox_ptr = caf::intrusive_ptr<call_inbox>;

} // namespace keyloom::work
