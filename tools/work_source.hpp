// The event source of `keyloom work`: handler, stage and finalizer that the options choose, and
// what they measure. Handlers of different partitions run at once, so the numbers here are atomic.
#pragma once

#include "tools/latency_histogram.hpp"
#include "tools/work.hpp"

#include <keyloom/source_config.hpp>
#include <keyloom/source_state.hpp>

#include <caf/error.hpp>
#include <caf/fwd.hpp>

#include <functional>
#include <memory>

namespace keyloom::tools {

class work_source {
public:
  virtual ~work_source() = default;

  virtual caf::error start() = 0;
  virtual void stop() = 0;
  virtual source_state state() const = 0;
  /// As `event_source::full_state_then`.
  virtual void full_state(std::function<void(source_state)> then) = 0;
  const latency_histogram& latency() const { return latency_; }

protected:
  latency_histogram latency_;
};

/// With a store that counts records per key when `options.state` names its change log. `options`
/// must outlive the source.
std::unique_ptr<work_source> make_work_source(caf::actor_system& system,
                                              const work_options& options, source_config cfg);

} // namespace keyloom::tools
