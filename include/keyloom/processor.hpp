// Processors: where a stage's work is done. `blocking(f)` calls f on the worker pool, where it may
// wait for databases and services; `compute(f)` calls it on a CAF thread beside the partition,
// where it must not wait; `async(f)` lets f begin an operation that another thread or an event loop
// ends. For handler actors include <keyloom/handler_actor.hpp>,
// for coroutines <keyloom/asio.hpp>.
//
// f takes (std::string_view key, Job&) and returns the stage's result or caf::expected of it. Calls
// of one key never overlap and come in the order the jobs were scheduled; calls of different keys
// run at once, so what f shares must be safe to share. The key is valid during the call.
//
// With `by_run(f)` one call takes all jobs of a key that came together, so a hot key is not one
// call at a time any more: blocking(by_run(f)), compute(by_run(f)). f takes (std::string_view key,
// std::span<Job* const> jobs) and returns a result for each job, in their order:
// std::vector<Result>, caf::expected of it, or std::vector<caf::expected<Result>>. In a stage
// without results it returns nothing, a caf::error, or std::vector<caf::expected<void>>. A call
// that throws, fails, or answers with another number of results fails all its jobs.
#pragma once

#include <keyloom/completion.hpp>

#include <caf/expected.hpp>

#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>

namespace keyloom {

enum class processor_kind : uint8_t {
  compute,
  blocking,
  actor,
  async,
  batch, ///< of a batcher (batcher.hpp), which is a stage of item sets
};

/// What `by_run` returns.
template <class Function>
struct run_function {
  Function call;
};

/// Lets one call of `f` take all jobs of a key that came together.
template <class Function>
auto by_run(Function&& f) {
  return run_function<std::decay_t<Function>>{std::forward<Function>(f)};
}

template <processor_kind Kind, class Function>
struct function_processor {
  static constexpr processor_kind kind = Kind;
  static constexpr bool by_run = false;
  Function call;
};

template <processor_kind Kind, class Function>
struct function_processor<Kind, run_function<Function>> {
  static constexpr processor_kind kind = Kind;
  static constexpr bool by_run = true;
  run_function<Function> runs;
};

template <class Function>
auto blocking(Function&& f) {
  return function_processor<processor_kind::blocking, std::decay_t<Function>>{
    std::forward<Function>(f)};
}

template <class Function>
auto compute(Function&& f) {
  return function_processor<processor_kind::compute, std::decay_t<Function>>{
    std::forward<Function>(f)};
}

/// `f(std::string_view key, Job&, completion<Result> done)` begins an operation and returns;
/// whoever ends it fulfils `done`, on any thread. f must not block: it is called on a CAF thread,
/// for all keys of a partition in turn. A key's next call begins when the last one is fulfilled, as
/// many calls are under way at once as the stage's concurrency allows. Job and key are valid until
/// `done` is fulfilled or dropped; views into the record in a job are so until its event is over,
/// which may be earlier when the partition is given up. When f throws, its job fails, as soon as
/// `done` is gone.
template <class Function>
auto async(Function&& f) {
  return function_processor<processor_kind::async, std::decay_t<Function>>{
    std::forward<Function>(f)};
}

namespace detail {

/// What may stand in a processor's place.
template <class T>
concept processor_like = requires {
  { T::kind } -> std::convertible_to<processor_kind>;
};

/// What a function may return where the result of a stage is expected.
template <class Returned, class Result>
concept result_of = std::convertible_to<Returned, caf::expected<Result>>
                    || (std::is_void_v<Returned> && std::is_void_v<Result>);

template <class Function, class Job, class Result>
concept begins = std::invocable<Function&, std::string_view, Job&, completion<Result>>;

template <class Function, class Job, class Result>
concept processes = std::invocable<Function&, std::string_view, Job&>
                    && result_of<std::invoke_result_t<Function&, std::string_view, Job&>, Result>;

} // namespace detail

} // namespace keyloom
