// A partition with fakes all around it: for tests of a partition against a model
// (partition_random_test), where chance decides what the testkit does by itself or does not do at
// all. That is: two lanes that work in order, as in production (the testkit has one, where any key
// may be answered); when the next batch of the poller comes, when what came back from elsewhere is
// brought in, and how many reports of the producer come together; every call of core::partition
// followed by a look at it and its meters, before anything else happens. What a partition does is
// tested with kit_rig.hpp. Define `source` first, then `start`.
#pragma once

#include "runtime/work/home_gate.hpp"
#include "tests/fakes/add_stage.hpp"
#include "tests/fakes/batches.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/fake_incidents.hpp"
#include "tests/fakes/fake_intake.hpp"
#include "tests/fakes/fake_outputs.hpp"
#include "tests/fakes/fake_return.hpp"
#include "tests/fakes/fake_runs.hpp"

#include <memory>

namespace keyloom::fakes {

struct partition_rig {
  std::shared_ptr<core::plan> source = std::make_shared<core::plan>();
  fake_clock clock;
  fake_runs runs;
  fake_outputs outputs;
  fake_incidents incidents;
  fake_intake intake;
  std::shared_ptr<fake_return> back = std::make_shared<fake_return>();
  core::source_meter totals;
  core::partition_meter meter;
  std::unique_ptr<core::stage_meter[]> meters;
  std::unique_ptr<core::partition> core;

  partition_rig() = default;
  partition_rig(const partition_rig&) = delete;
  partition_rig& operator=(const partition_rig&) = delete;
  ~partition_rig() { back->take(); } // what is in there keeps the memory, which keeps `back`

  /// Takes all records that no route takes.
  template <class Handler>
  void on_default(Handler handler) {
    source->fallback = [handler](detail::turn& t, const record& rec) -> outcome {
      context<> ctx{t};
      return handler(ctx, rec);
    };
  }

  void start(core::progress from = {0}) {
    auto count = source->stages.size();
    meters = std::make_unique<core::stage_meter[]>(count);
    core = std::make_unique<core::partition>(
      "topic", 0, std::move(from),
      core::partition::shared{source, totals, std::span{meters.get(), count}}, meter,
      core::partition::ports{runs, outputs, intake, incidents, clock});
    auto& memory = core->memory();
    memory->returns_to(back, std::make_shared<work::home_gate>(*memory));
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
};

} // namespace keyloom::fakes
