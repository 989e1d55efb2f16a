// What the actors of one source share. Owned by the composition root (source_impl), which outlives
// them all.
#pragma once

#include "actors/roll_call.hpp"
#include "runtime/core/meters.hpp"
#include "runtime/core/plan.hpp"
#include "runtime/log/logger.hpp"
#include "runtime/work/concurrency_limit.hpp"
#include "runtime/work/worker_pool.hpp"

#include <caf/actor.hpp>

#include <memory>
#include <vector>

namespace keyloom::kafka {
class producer;
} // namespace keyloom::kafka

namespace keyloom::actors {

class handler_cell;
class poller;

/// What a stage has beside its definition. Unused parts stay empty.
struct stage_services {
  std::unique_ptr<handler_cell> handlers;            ///< of handler-actor stages
  std::unique_ptr<work::concurrency_limit> requests; ///< of handler-actor stages
};

struct services {
  roll_call alive; ///< partitions, lanes and key actors
  std::shared_ptr<const core::plan> source;
  log::logger* log = nullptr;
  std::shared_ptr<core::source_meter> totals;
  std::vector<core::stage_meter> stage_meters;
  std::vector<stage_services> stages;
  std::unique_ptr<work::worker_pool> workers;
  kafka::producer* producer = nullptr;
  actors::poller* poller = nullptr;
};

} // namespace keyloom::actors
