// The way home of the jobs that users do by hand (core::completable_job): open as long as their
// assignment wants them. The lock is held until a job is home, so that `close` waits for it, and
// the memory may go afterwards. Shared by the memory of the assignment and every completion, which
// may outlive it. Any thread.
#pragma once

#include "runtime/core/work_memory.hpp"

#include <mutex>

namespace keyloom::work {

class home_gate final : public core::home_port {
public:
  /// The jobs are of `memory`, which closes the gate before it goes.
  explicit home_gate(core::work_memory& memory) : memory_(&memory) {}

  void bring(core::completable_job& j, caf::error reason) override;
  void close() override;

private:
  std::recursive_mutex mutex_; // what comes home may complete another, or close: in a testkit
  core::work_memory* memory_;  // guarded by mutex_; null: closed
};

} // namespace keyloom::work
