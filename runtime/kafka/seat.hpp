// A seat among the processes of one host that run the same source: the lowest number that no other
// has, kept until it is given back or its process ends, however it ends. So a process that is
// started again after a crash has the transactional ids of its predecessor, whose open transactions
// it ends, and two that run at once never share theirs. A lock on a file of the folder for
// temporary files; one process may take several. Any thread.
#pragma once

#include <caf/expected.hpp>

#include <string>

namespace keyloom::kafka {

class seat {
public:
  /// Takes the lowest one that is free of those called `name`. errc::bad_config when the folder
  /// takes no files.
  static caf::expected<seat> take(const std::string& name);

  seat(seat&& other) noexcept;
  seat& operator=(seat&& other) noexcept;
  ~seat();

  int number() const { return number_; }

  /// Host name and number: another one for each process that runs at the same time.
  std::string text() const;

private:
  seat(int file, int number) : file_(file), number_(number) {}

  int file_ = -1; ///< its descriptor holds the lock
  int number_ = 0;
};

} // namespace keyloom::kafka
