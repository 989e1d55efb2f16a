// A stage in a plan, for tests that have no event_source around it.
#pragma once

#include "runtime/core/plan.hpp"

#include <keyloom/stage.hpp>

namespace keyloom::fakes {

/// Adds a stage to a plan as event_source does.
template <class Store, class Job, class Result, class Processor, class Finalizer>
stage_handle<Job> add_stage(core::plan& source, std::string name, Processor processor,
                            Finalizer finalizer, const stage_options& options = {.limits = {}}) {
  using stage_type = detail::typed_stage<Store, Job, Result, Processor, Finalizer>;
  source.stages.push_back(std::make_unique<stage_type>(std::move(name), options,
                                                       std::move(processor), std::move(finalizer)));
  return {static_cast<uint32_t>(source.stages.size() - 1), &stage_type::fill};
}

} // namespace keyloom::fakes
