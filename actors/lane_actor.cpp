#include "actors/lane_actor.hpp"

namespace keyloom::actors {

using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds report_interval{1};
/// The clock is read once for so many calls: a compute function is often shorter than a look at it.
constexpr uint32_t calls_per_look = 16;

} // namespace

caf::behavior lane_state::make_behavior() {
  return {
    [this](const core::run& jobs) { work(jobs); },
    [this](retire_atom) { self_->quit(); },
  };
}

void lane_state::work(core::run jobs) {
  auto memory = jobs.memory; // keeps the way back while it is used
  auto& stages = memory->source().stages;
  auto began = steady_clock::now();
  auto report_at = began + report_interval;
  auto stage = jobs.first->stage;
  auto count = jobs.count;
  core::run done;
  for (uint32_t calls = 1; !jobs.empty(); ++calls) {
    if (memory->given_up())
      return;
    core::process_next(*stages[jobs.first->stage], jobs, done);
    if (calls % calls_per_look == 0 && !jobs.empty() && steady_clock::now() >= report_at) {
      done.memory = memory;
      memory->back().finished(std::exchange(done, core::run{}));
      report_at = steady_clock::now() + report_interval;
    }
  }
  auto took = steady_clock::now() - began;
  shared_->meter(stage).note_calls(count, took / static_cast<int64_t>(count));
  done.memory = memory;
  memory->back().finished(std::move(done));
}

} // namespace keyloom::actors
