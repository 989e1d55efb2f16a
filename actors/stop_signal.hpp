// SIGINT and SIGTERM for `event_source::run`: the first one wakes it, a second one ends the process
// at once. Signal handlers need a place every handler can reach, so one object may exist at a time;
// the old handlers come back when it goes. `raise` may be called from any thread.
#pragma once

#include <csignal>
#include <semaphore.h>

namespace keyloom::actors {

class stop_signal {
public:
  stop_signal();
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;
  ~stop_signal();

  /// Waits for a signal or for `raise`.
  void wait();

  /// Wakes `wait` without a signal.
  void raise();

private:
  sem_t raised_;
  struct sigaction old_interrupt_ {};
  struct sigaction old_terminate_ {};
};

} // namespace keyloom::actors
