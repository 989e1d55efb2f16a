// What the actors of one source share. Owned by the composition root (source_impl), which outlives
// them all.
#pragma once

#include "actors/roll_call.hpp"
#include "runtime/core/meters.hpp"
#include "runtime/core/plan.hpp"
#include "runtime/log/logger.hpp"
#include "runtime/work/batch_calls.hpp"
#include "runtime/work/concurrency_limit.hpp"
#include "runtime/work/worker_pool.hpp"

#include <caf/actor.hpp>

#include <memory>
#include <vector>

namespace keyloom::detail {
class actor_port;
} // namespace keyloom::detail

namespace keyloom::kafka {
class producer;
class transaction_chain;
} // namespace keyloom::kafka

namespace keyloom::actors {

class handler_home;
class poller;
class restorer;

/// What a stage has beside its definition. Unused parts stay empty.
struct stage_services {
  std::unique_ptr<work::concurrency_limit> requests; ///< of handler-actor and asynchronous stages
  std::shared_ptr<handler_home> handlers;            ///< of who has handler actors, as below
  detail::actor_port* port = nullptr;
  caf::actor batcher; ///< of a batcher, as the next
  std::shared_ptr<core::batcher_meter> batches;
};

struct services {
  roll_call alive; ///< partitions, lanes and key actors
  std::shared_ptr<const core::plan> source;
  log::logger* log = nullptr;
  std::shared_ptr<core::source_meter> totals;
  std::shared_ptr<core::byte_budget> budget;
  int32_t partitions = 0; ///< of all topics at start; 0: not known (a pattern)
  std::shared_ptr<std::vector<core::stage_meter>> stage_meters; ///< by stage
  std::vector<stage_services> stages;
  std::shared_ptr<work::thread_set> threads; ///< of the next two
  std::unique_ptr<work::worker_pool> workers;
  std::unique_ptr<work::batch_calls> batches; ///< of batchers with blocking functions
  kafka::producer* producer = nullptr;        ///< at least once
  kafka::transaction_chain* chain = nullptr;  ///< exactly once
  actors::poller* poller = nullptr;
  actors::restorer* restorer = nullptr; ///< null without a change log

  core::stage_meter& meter(uint32_t stage) const { return (*stage_meters)[stage]; }
};

} // namespace keyloom::actors
