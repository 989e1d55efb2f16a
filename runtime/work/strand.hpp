// The queue of one key of a blocking stage, shared by the key actor that fills it and the worker
// that empties it. A worker that has finished a run takes the key's next one from here itself,
// without a hop through an actor: at most one worker holds a strand at a time, so the key's calls
// never overlap (I3). Any thread.
#pragma once

#include "runtime/core/work_memory.hpp"

#include <mutex>

namespace keyloom::work {

class strand : public caf::ref_counted {
public:
  explicit strand(uint32_t stage) : stage_(stage) {}

  uint32_t stage() const { return stage_; }

  /// Adds jobs behind all earlier ones. True: nobody works on the strand, so the caller must submit
  /// it to the pool.
  bool push(core::run&& jobs);

  /// Takes all that is queued. Empty: there was nothing, and the caller does not hold the strand
  /// any more.
  core::run take();

  /// Puts jobs that were taken and not worked on back before all others. By who holds the strand.
  void put_back(core::run&& jobs);

private:
  uint32_t stage_;
  std::mutex mutex_;
  core::run queue_;   // guarded by mutex_
  bool busy_ = false; // guarded by mutex_
};

using strand_ptr = caf::intrusive_ptr<strand>;

} // namespace keyloom::work
