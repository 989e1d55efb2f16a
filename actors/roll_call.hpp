// Counts the actors of a source that are alive, so that a stop can wait for the last of them: what
// they use belongs to the source and goes with it (I9). CAF ends actors when their turn comes,
// which may be after the message that ended them was sent. Any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace keyloom::actors {

class roll_call {
public:
  /// Member of an actor's state, declared first, so that it is destroyed last.
  class member {
  public:
    explicit member(roll_call& roll) : roll_(roll) {
      std::lock_guard guard{roll_.mutex_};
      ++roll_.alive_;
    }
    member(const member&) = delete;
    member& operator=(const member&) = delete;
    ~member() {
      std::lock_guard guard{roll_.mutex_};
      if (--roll_.alive_ == 0)
        roll_.changed_.notify_all(); // under the lock: the waiting one may destroy us next
    }

  private:
    roll_call& roll_;
  };

  /// Waits until none is alive.
  void wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return alive_ == 0; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t alive_ = 0; // guarded by mutex_
};

} // namespace keyloom::actors
