// This program once more, in a process of its own, for what a test must not do to itself: signals
// that end it, and being frozen. What the child prints, on stdout or stderr, is read line by line.
// One thread.
#pragma once

#include "tests/integration/broker_fixture.hpp"

#include <csignal>
#include <string>
#include <vector>

#include <sys/types.h>

namespace keyloom::test {

class child_process {
public:
  /// Runs this program with these arguments; main.cpp knows them.
  explicit child_process(const std::vector<std::string>& arguments);
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  /// Kills it when it still runs.
  ~child_process();

  /// Waits for a line that contains `text`; false when it does not come in time.
  bool says(const std::string& text);

  void send(int signal_number) const { kill(pid_, signal_number); }

  /// Waits for its end: its exit code, or 128 and the number of the signal that ended it; -1 when
  /// it does not end in time.
  int exit_code();

  /// Everything it printed and we read.
  const std::string& output() const { return output_; }

private:
  bool read_some(std::chrono::milliseconds limit);

  pid_t pid_ = -1;
  int out_ = -1;
  std::string output_;
  size_t searched_ = 0; ///< lines before it were looked at
  bool ended_ = false;
};

} // namespace keyloom::test
