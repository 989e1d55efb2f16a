// The calls of an asynchronous stage, held by the test: as many places as it gives, and completions
// that it fulfils when it likes. `take_back` hands ended calls on, as the actor does.
#pragma once

#include "runtime/core/key_calls.hpp"
#include "tests/fakes/add_stage.hpp"
#include "tests/fakes/fake_clock.hpp"

#include <caf/make_counted.hpp>

namespace keyloom::fakes {

/// Keeps the calls that have ended.
class fake_completion_port final : public detail::completion_port {
public:
  void completed(std::unique_ptr<detail::job> call) noexcept override {
    calls.push_back(std::move(call));
  }

  std::vector<std::unique_ptr<detail::job>> calls;
};

/// core::key_calls with a stage of one asynchronous function around it, which keeps its
/// completions in `open`, or does `instead`.
template <class Job, class Result>
class fake_calls final : public core::call_port {
public:
  struct open_call {
    std::string_view key;
    Job* job;
    completion<Result> done;
  };
  using job_type = detail::typed_job<Job, Result>;

  explicit fake_calls(const stage_options& options = {.limits = {}}) {
    auto begin = [this](std::string_view key, Job& job, completion<Result> done) {
      if (instead)
        instead(key, job, std::move(done));
      else
        open.push_back({key, &job, std::move(done)});
    };
    add_stage<no_store, Job, Result>(*source, "call", async(begin), detail::no_finalizer{},
                                     options);
    memory = caf::make_counted<core::work_memory>(source);
    calls.emplace(*source->stages[0], *this, clock);
  }

  ~fake_calls() override {
    open.clear();
    take_back();
  }

  bool acquire_place() override {
    if (places == 0)
      return false;
    --places;
    return true;
  }

  void release_place() override { ++places; }

  caf::error begin(std::unique_ptr<detail::job> call) override {
    return core::begin(*source->stages[0], std::move(call), completions);
  }

  /// Gives a job to the slot of a key, which is a number.
  void give(uint32_t slot, Job payload) {
    core::run jobs;
    jobs.memory = memory;
    auto& j = static_cast<job_type&>(memory->make_job(0));
    j.slot = slot;
    j.own_key = std::to_string(slot);
    j.key = j.own_key;
    j.payload.emplace(std::move(payload));
    jobs.append(j);
    calls->add(std::move(jobs));
  }

  /// Hands on what has ended, and begins what may begin; until there is nothing to do.
  void take_back() {
    for (calls->go_on(); !completions->calls.empty(); calls->go_on())
      for (auto& call : std::exchange(completions->calls, {}))
        calls->answered(std::move(call));
  }

  /// Fulfils the `index`th open call and hands it on.
  bool answer(size_t index, caf::expected<Result> result) {
    auto done = std::move(open[index].done);
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
    auto taken = done(std::move(result));
    take_back();
    return taken;
  }

  /// The keys of the open calls.
  std::vector<std::string> keys() const {
    std::vector<std::string> result;
    for (auto& each : open)
      result.emplace_back(each.key);
    return result;
  }

  /// What has ended since the last time.
  std::vector<job_type*> take_done() {
    std::vector<job_type*> result;
    auto done = calls->take_done();
    while (auto* j = done.take())
      result.push_back(static_cast<job_type*>(j));
    return result;
  }

  std::shared_ptr<core::plan> source = std::make_shared<core::plan>();
  fake_clock clock;
  core::work_memory_ptr memory;
  caf::intrusive_ptr<fake_completion_port> completions = caf::make_counted<fake_completion_port>();
  uint32_t places = UINT32_MAX;
  std::vector<open_call> open;
  std::function<void(std::string_view, Job&, completion<Result>)> instead;
  std::optional<core::key_calls> calls;
};

} // namespace keyloom::fakes
