// SIGINT and SIGTERM, and SIGUSR1, which asks what the program is doing, for what ends cleanly,
// `event_source::run` and the program's sub-commands: the first one is something to wait for or to
// ask for, a second one ends the process at once, whatever it is doing. Every object that exists
// sees the first one: several sources may run at once. Signal handlers need a place every handler
// can reach, so the objects are in one list for the process; the old handlers come back when the
// last one goes. `raise` may be called from any thread, the rest by the owner's.
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <semaphore.h>

namespace keyloom::actors {

class stop_signal {
public:
  stop_signal();
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;
  ~stop_signal();

  /// What SIGUSR1 calls, on the owner's thread while it waits; without it nothing happens.
  void on_dump(std::function<void()> dump) { dump_ = std::move(dump); }

  /// Waits for a signal or for `raise`. Once one came, all waits end at once.
  void wait();

  /// As `wait`; false when `until` came first.
  bool wait_until(std::chrono::steady_clock::time_point until);

  /// Whether one came. Cheap.
  bool raised();

  /// Wakes `wait` without a signal.
  void raise();

  /// For the signal handler.
  void ask_dump();

  /// The next object in the process's list. For the signal handler.
  stop_signal* next() const { return next_; }

private:
  bool seen();

  sem_t semaphore_;
  std::function<void()> dump_;
  std::atomic<bool> stop_asked_ = false;
  std::atomic<bool> dump_asked_ = false;
  std::atomic<stop_signal*> next_ = nullptr;
};

} // namespace keyloom::actors
