// Coroutines of Boost.Asio as processors of a stage. Opt-in: needs Boost 1.81 or later, headers
// only, which the library itself does not.
//
//   auto call = source.stage<leg, std::string>("call",
//     keyloom::asio(io, [&](std::string tail, leg& flown) -> boost::asio::awaitable<std::string> {
//       co_return co_await client.get("/aircraft/" + tail);
//     }), finish, {.concurrency = 1000});
//
// A call is a coroutine on the given executor: while it waits it costs its frame and no thread, so
// one thread that runs an io_context serves thousands. Calls of one key never overlap and come in
// order, as with every processor.
//
// Whoever owns the io_context runs it, as long as the source runs: calls that it drops when it is
// destroyed fail their jobs with errc::completion_dropped, calls that nobody runs wait for ever, or
// for the stage's timeout. A call whose timeout has passed is not cancelled: it goes on by itself,
// and what it answers is dropped.
#pragma once

#include <keyloom/processor.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <exception>
#include <memory>
#include <string>

namespace keyloom {

namespace detail {

template <class Function, class Job>
using awaited_by = std::invoke_result_t<Function&, std::string, Job&>;

template <class T>
struct is_awaitable : std::false_type {};

template <class T>
struct is_awaitable<boost::asio::awaitable<T>> : std::true_type {
  using value_type = T;
};

// GCC 12 takes the frame of a coroutine that holds a lambda for a type that others can see.
#ifndef __clang__
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif

/// One call: everything it needs lives in its frame, so it may outlive the source.
template <class Function, class Job, class Result>
boost::asio::awaitable<void> make_call(std::shared_ptr<Function> f, std::string key, Job& job,
                                       completion<Result> done) {
  auto failure = caf::make_error(errc::processor_failed,
                                 "the processor threw something that is no std::exception");
  try {
    if constexpr (std::is_void_v<typename is_awaitable<awaited_by<Function, Job>>::value_type>) {
      co_await (*f)(std::move(key), job);
      done(caf::expected<Result>{});
    } else {
      done(caf::expected<Result>{co_await (*f)(std::move(key), job)});
    }
    co_return;
  } catch (const std::exception& ex) {
    failure = caf::make_error(errc::processor_failed,
                              std::string{"the processor threw: "} + ex.what());
  } catch (...) {
    // the sentence above says it
  }
  done(std::move(failure));
}

#ifndef __clang__
#  pragma GCC diagnostic pop
#endif

template <class Executor, class Function>
struct asio_call {
  template <class Job, class Result>
  void operator()(std::string_view key, Job& job, completion<Result> done) {
    static_assert(std::is_invocable_v<Function&, std::string, Job&>,
                  "asio(executor, f): f takes (std::string key, Job&)");
    using awaited = is_awaitable<awaited_by<Function, Job>>;
    static_assert(awaited::value,
                  "asio(executor, f): f returns boost::asio::awaitable<Result>, or of "
                  "caf::expected<Result>");
    static_assert(std::is_convertible_v<typename awaited::value_type, caf::expected<Result>>
                    || (std::is_void_v<Result> && std::is_void_v<typename awaited::value_type>),
                  "asio(executor, f): what f's coroutine returns is not the stage's Result");
    boost::asio::co_spawn(
      executor, make_call<Function, Job, Result>(f, std::string{key}, job, std::move(done)),
      boost::asio::detached);
  }

  Executor executor;
  std::shared_ptr<Function> f; ///< shared with the calls, which may outlive the stage
};

} // namespace detail

/// A processor that calls `f(std::string key, Job&) -> boost::asio::awaitable<Result>` (or of
/// caf::expected<Result>) on `executor`, or on the executor of an execution context such as an
/// io_context. Calls of different keys run at once, on one thread or several, as the executor has
/// them. The key is the coroutine's own; the job is valid until the coroutine ends. What f throws
/// fails the job.
template <class Executor, class Function>
auto asio(Executor&& executor, Function&& f) {
  using function = std::decay_t<Function>;
  auto shared = std::make_shared<function>(std::forward<Function>(f));
  if constexpr (requires { executor.get_executor(); }) {
    using type = std::decay_t<decltype(executor.get_executor())>;
    return async(detail::asio_call<type, function>{executor.get_executor(), std::move(shared)});
  } else {
    using type = std::decay_t<Executor>;
    return async(
      detail::asio_call<type, function>{std::forward<Executor>(executor), std::move(shared)});
  }
}

} // namespace keyloom
