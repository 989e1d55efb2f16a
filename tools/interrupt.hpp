// SIGINT and SIGTERM for a sub-command that ends cleanly: the first signal is something to ask for
// or to wait for, a second one ends the process at once. The signals are blocked and read from a
// descriptor, so no code runs in a signal handler. Make it before any thread is started, because
// threads inherit what is blocked; one thread, the one that made it.
#pragma once

#include <chrono>
#include <csignal>

namespace keyloom::tools {

class interrupt {
public:
  interrupt();
  ~interrupt();
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;

  /// Whether a signal has come; a system call as long as none has.
  bool raised();

  /// Waits for a signal; false when `until` came first.
  bool wait_until(std::chrono::steady_clock::time_point until);

  /// Waits for a signal as long as it takes.
  void wait();

private:
  bool poll(const timespec* timeout);

  sigset_t before_{};
  int signals_ = -1;
  bool raised_ = false;
};

} // namespace keyloom::tools
