// A call that goes on though its jobs have timed out and belong to their partition again. It works
// on copies of them, as calls of a stage with a timeout do; what it answers is dropped. One thread.
#pragma once

#include "runtime/core/work_memory.hpp"

namespace keyloom::rig {

struct overdue_call {
  /// Copies the jobs of the call, which are of one stage; before they are finalized.
  overdue_call(detail::stage_base& stage, std::span<detail::job* const> jobs)
    : slot(jobs.front()->slot), shown(stage.copies_jobs()) {
    for (auto* j : jobs) {
      copies.push_back(stage.make_job());
      copies.back()->stage = j->stage;
      if (shown)
        shown = !core::lend(stage, *j, *copies.back());
    }
  }

  uint32_t slot = 0;
  bool shown = false; ///< the copies can be looked at: copying went well
  std::vector<std::unique_ptr<detail::job>> copies; ///< by run several, else one
};

} // namespace keyloom::rig
