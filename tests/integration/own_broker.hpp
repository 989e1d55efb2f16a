// A real broker of a test's own, which may be killed and brought back. tools/broker.sh
// starts and ends it; its data are in a folder that goes with it. One thread.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace keyloom::test {

class own_broker {
public:
  own_broker();
  own_broker(const own_broker&) = delete;
  own_broker& operator=(const own_broker&) = delete;
  ~own_broker();

  const std::string& address() const { return address_; }

  /// Ends it as a crash would, and waits for its end.
  void kill() const;

  /// Starts it again with the data it had, and waits until it answers.
  void restart();

private:
  std::string call(const std::string& verb) const;
  pid_t read_pid() const;

  std::string folder_;
  std::string address_;
  pid_t pid_ = -1;
  std::vector<std::string> command_; ///< which started it
};

} // namespace keyloom::test
