// A partition with fakes all around it. Define `source` first, then `start`.
#pragma once

#include "tests/fakes/batches.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/fake_incidents.hpp"
#include "tests/fakes/fake_intake.hpp"
#include "tests/fakes/fake_outputs.hpp"
#include "tests/fakes/fake_runs.hpp"

#include <keyloom/stage.hpp>

#include <memory>

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

struct partition_rig {
  std::shared_ptr<core::plan> source = std::make_shared<core::plan>();
  fake_clock clock;
  fake_runs runs;
  fake_outputs outputs;
  fake_incidents incidents;
  fake_intake intake;
  core::source_meter totals;
  core::partition_meter meter;
  std::unique_ptr<core::stage_meter[]> meters;
  std::unique_ptr<core::partition> core;

  /// Takes all records that no route takes.
  template <class Handler>
  void on_default(Handler handler) {
    source->fallback = [handler](detail::turn& t, const record& rec) -> outcome {
      context<> ctx{t};
      return handler(ctx, rec);
    };
  }

  void start(int64_t position = 0) {
    auto count = source->stages.size();
    meters = std::make_unique<core::stage_meter[]>(count);
    core = std::make_unique<core::partition>(
      "topic", 0, position, core::partition::shared{source, totals, std::span{meters.get(), count}},
      meter, core::partition::ports{runs, outputs, intake, incidents, clock});
    core->open();
  }

  /// Hands a batch on as the poller does.
  void take(core::record_batch_ptr batch) {
    meter.in_flight += static_cast<int64_t>(batch->records().size());
    core->take(std::move(batch));
  }

  /// Works on up to `limit` jobs of the place and brings them back.
  void answer(fake_runs::place at, uint32_t limit = UINT32_MAX) {
    core->finished(runs.answer(at, limit));
  }

  /// Works on the jobs of a key in a stage.
  void answer_key(std::string_view key, uint32_t stage = 0) {
    answer({stage, runs.slot_of(stage, key)});
  }

  void answer_all() {
    while (!runs.busy().empty())
      answer(runs.busy().front());
  }

  void report(size_t index, caf::error refused = {}) {
    core::delivery reports[] = {outputs.report(index, std::move(refused))};
    core->delivered(reports);
  }

  void acknowledge_all() {
    while (!outputs.unreported.empty())
      report(0);
  }
};

} // namespace keyloom::fakes
