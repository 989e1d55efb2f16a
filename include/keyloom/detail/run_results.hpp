// The typed side of `by_run`: calls the user's function with the payloads of a run and gives each
// job its result.
#pragma once

#include <keyloom/detail/job.hpp>
#include <keyloom/errc.hpp>
#include <keyloom/processor.hpp>

#include <span>
#include <string>
#include <vector>

namespace keyloom::detail {

/// A list with one result for each job.
template <class Returned, class Result>
concept results_of = std::same_as<Returned, std::vector<caf::expected<Result>>>
                     || (!std::is_void_v<Result> && std::same_as<Returned, std::vector<Result>>);

/// `std::vector` knows no void.
template <class Returned, class Result>
concept run_results_of = results_of<Returned, Result> || requires(Returned returned) {
  requires results_of<std::remove_cvref_t<decltype(*returned)>, Result>;
  requires std::same_as<Returned, caf::expected<std::remove_cvref_t<decltype(*returned)>>>;
} || (std::is_void_v<Result> && result_of<Returned, void>);

template <class Function, class Job, class Result>
concept processes_runs
  = std::invocable<Function&, std::string_view, std::span<Job* const>>
    && run_results_of<std::invoke_result_t<Function&, std::string_view, std::span<Job* const>>,
                      Result>;

template <class Job, class Result>
std::optional<caf::expected<Result>>& result_in(job& j) {
  return static_cast<typed_job<Job, Result>&>(j).result;
}

/// Fails all jobs when there is not one result for each.
template <class Job, class Result, class Results>
void give_each(std::span<job* const> jobs, const std::string& stage, Results&& results) {
  auto fits = results.size() == jobs.size();
  for (size_t i = 0; i < jobs.size(); ++i) {
    auto& result = result_in<Job, Result>(*jobs[i]);
    if (fits)
      result.emplace(
        static_cast<typename std::decay_t<Results>::value_type>(std::move(results[i])));
    else
      result.emplace(
        caf::make_error(errc::processor_failed,
                        "stage '" + stage + "' got " + std::to_string(results.size())
                          + " results for a run of " + std::to_string(jobs.size())
                          + " jobs; the function must return one for each, in their order"));
  }
}

/// Calls `f` for jobs of one key and sets their results; what `f` throws comes out.
template <class Job, class Result, class Function>
void call_with_run(Function& f, const std::string& stage, std::span<job* const> jobs) {
  std::vector<Job*> payloads;
  payloads.reserve(jobs.size());
  for (auto* j : jobs)
    payloads.push_back(&*static_cast<typed_job<Job, Result>&>(*j).payload);
  std::span<Job* const> run{payloads};
  auto key = jobs.front()->key;
  using returned = std::invoke_result_t<Function&, std::string_view, std::span<Job* const>>;
  if constexpr (results_of<returned, Result>) {
    give_each<Job, Result>(jobs, stage, f(key, run));
  } else if constexpr (std::is_void_v<returned>) {
    f(key, run);
    for (auto* j : jobs)
      result_in<Job, Result>(*j).emplace();
  } else if constexpr (std::is_void_v<Result>) {
    caf::expected<void> all = f(key, run);
    for (auto* j : jobs)
      result_in<Job, Result>(*j).emplace(all);
  } else {
    auto all = f(key, run);
    for (auto* j : jobs)
      if (!all)
        result_in<Job, Result>(*j).emplace(all.error());
    if (all)
      give_each<Job, Result>(jobs, stage, std::move(*all));
  }
}

} // namespace keyloom::detail
