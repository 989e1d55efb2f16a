// SIGINT and SIGTERM for what ends cleanly, `event_source::run` and the program's sub-commands: the
// first one is something to wait for or to ask for, a second one ends the process at once, whatever
// it is doing. Signal handlers need a place every handler can reach, so one object may exist at a
// time; the old handlers come back when it goes. `raise` may be called from any thread, the rest by
// the owner's.
#pragma once

#include <chrono>
#include <csignal>
#include <semaphore.h>

namespace keyloom::actors {

class stop_signal {
public:
  stop_signal();
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;
  ~stop_signal();

  /// Waits for a signal or for `raise`. Once one came, all waits end at once.
  void wait();

  /// As `wait`; false when `until` came first.
  bool wait_until(std::chrono::steady_clock::time_point until);

  /// Whether one came. Cheap.
  bool raised();

  /// Wakes `wait` without a signal.
  void raise();

private:
  bool seen(int result);

  sem_t semaphore_;
  bool raised_ = false;
  struct sigaction old_interrupt_ {};
  struct sigaction old_terminate_ {};
};

} // namespace keyloom::actors
