// A source as the inspector sees it. Called on the inspector's thread, between `inspector_link`'s
// open and close; nothing here waits.
#pragma once

#include <keyloom/inspector.hpp>

#include <caf/expected.hpp>

#include <functional>

namespace keyloom::actors {

class inspected {
public:
  virtual ~inspected() = default;

  /// What it is called by: its group, and what it reads.
  virtual std::string group() const = 0;
  virtual std::string reads() const = 0;

  /// As `detail::source` has it.
  virtual void full_state(std::function<void(source_state)> then) = 0;

  /// errc::no_such_part names the stages there are.
  virtual caf::error pause(const inspector_target& what) = 0;
  virtual caf::error resume(const inspector_target& what) = 0;
  virtual caf::expected<stage_limits> change_limits(const std::string& stage,
                                                    const limit_change& to)
    = 0;

  /// errc::not_assigned for a partition that is another's.
  virtual caf::error trace(const trace_order& what) = 0;
};

} // namespace keyloom::actors
