// The event source of `keyloom work`: handler, stage and finalizer that the options choose, and
// what they measure. Handlers of different partitions run at once, so the numbers here are atomic.
#pragma once

#include "tools/delay_thread.hpp"
#include "tools/latency_histogram.hpp"
#include "tools/work.hpp"

#include <keyloom/event_source.hpp>

#include <caf/fwd.hpp>

#include <optional>

namespace keyloom::tools {

class work_source {
public:
  /// `options` must outlive the source.
  work_source(caf::actor_system& system, const work_options& options, source_config cfg);

  event_source<>& source() { return source_; }
  const latency_histogram& latency() const { return latency_; }

private:
  void add_none();
  void add_compute();
  void add_blocking();
  void add_actor(caf::actor_system& system);
  void add_async();
  void add_batch();
  stage_options how() const;
  outcome finish(context<>& ctx);
  std::chrono::microseconds delay() const;

  const work_options& options_;
  std::optional<delay_thread> answers_; // of --processor async
  event_source<> source_;
  latency_histogram latency_;
};

} // namespace keyloom::tools
