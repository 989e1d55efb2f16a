// The live table of the demo: a line a partition, drawn in place on stderr when it is a terminal;
// otherwise nothing. One thread.
#pragma once

#include <keyloom/source_state.hpp>

#include <chrono>

namespace keyloom::tools {

class demo_table {
public:
  /// `total`: records to do.
  explicit demo_table(uint64_t total);

  /// Draws at most four times a second.
  void update(const source_state& state);

private:
  using clock = std::chrono::steady_clock;

  uint64_t total_;
  bool on_terminal_;
  size_t lines_ = 0; ///< drawn last time
  clock::time_point next_{};
};

} // namespace keyloom::tools
