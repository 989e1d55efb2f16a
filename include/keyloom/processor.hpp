// Processors: where a stage's work is done. `blocking(f)` calls f on the worker pool, where it may
// wait for databases and services; `compute(f)` calls it on a CAF thread beside the partition,
// where it must not wait. For handler actors include <keyloom/handler_actor.hpp>.
//
// f takes (std::string_view key, Job&) and returns the stage's result or caf::expected of it. Calls
// of one key never overlap and come in the order the jobs were scheduled; calls of different keys
// run at once, so what f shares must be safe to share. The key is valid during the call.
#pragma once

#include <caf/expected.hpp>

#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>

namespace keyloom {

enum class processor_kind : uint8_t { compute, blocking, actor };

template <processor_kind Kind, class Function>
struct function_processor {
  static constexpr processor_kind kind = Kind;
  Function call;
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

namespace detail {

template <class Function, class Job, class Result>
concept processes
  = std::invocable<Function&, std::string_view, Job&>
    && (std::is_void_v<Result>
        || std::convertible_to<std::invoke_result_t<Function&, std::string_view, Job&>,
                               caf::expected<Result>>);

} // namespace detail

} // namespace keyloom
