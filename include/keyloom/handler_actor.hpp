// Handler actors: CAF actors as processors of a stage. Opt-in, because CAF's headers are heavy.
//
//   using registry = caf::typed_actor<caf::result<aircraft>(std::string, leg)>;   // key, job ->
//   result auto ask = source.stage<leg, aircraft>("ask",
//   keyloom::shared_actor([](caf::actor_system& sys) {
//     return sys.spawn(registry_behavior); }), finish);
//
// The actor answers by value, with an error, or later through a response promise; the answer to one
// job of a key is awaited before the key's next job is sent. Job and result travel in messages:
// both need a CAF type id and an `inspect` overload. When the actor dies, its jobs are tried once
// more, each alone, at a new instance that the factory makes; then they fail with
// errc::handler_actor_died.
#pragma once

#include <keyloom/detail/job.hpp>
#include <keyloom/errc.hpp>
#include <keyloom/processor.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <functional>
#include <string>

namespace keyloom {

namespace detail {

/// How a key actor reaches the handler actor of its stage.
class actor_port {
public:
  virtual ~actor_port() = default;

  /// Makes a new instance with the user's factory; what that throws comes out. Any thread.
  virtual caf::strong_actor_ptr spawn(caf::actor_system& system) = 0;

  /// Sends the job and sets its result when the answer arrives; then, on the thread of `self`,
  /// calls `answered` with what went wrong between the actors (its death, an answer of a wrong
  /// type), or nothing.
  virtual void ask(caf::event_based_actor& self, const caf::strong_actor_ptr& target, job& j,
                   std::function<void(caf::error)> answered)
    = 0;
};

template <class Handle>
struct is_typed_handle : std::false_type {};

template <class... Signatures>
struct is_typed_handle<caf::typed_actor<Signatures...>> : std::true_type {};

template <class Handle, class Job, class Result>
constexpr bool answers() {
  if constexpr (is_typed_handle<Handle>::value) {
    using response = caf::response_type<typename Handle::signatures, std::string, Job>;
    if constexpr (response::valid) {
      using expected = std::conditional_t<std::is_void_v<Result>, caf::detail::type_list<void>,
                                          caf::detail::type_list<Result>>;
      return std::is_same_v<typename response::type, expected>;
    }
    return false;
  } else {
    return std::is_same_v<Handle, caf::actor>;
  }
}

template <class Factory, class Job, class Result>
class shared_actor_port final : public actor_port {
public:
  static constexpr processor_kind kind = processor_kind::actor;
  using handle = std::invoke_result_t<Factory&, caf::actor_system&>;

  static_assert(
    answers<handle, Job, Result>(),
    "the handler actor must answer (std::string key, Job) with the stage's Result: a "
    "caf::typed_actor<caf::result<Result>(std::string, Job)>, or a dynamically typed caf::actor");

  template <class Processor>
  explicit shared_actor_port(Processor processor) : make_(std::move(processor.make)) {}

  caf::strong_actor_ptr spawn(caf::actor_system& system) override {
    return caf::actor_cast<caf::strong_actor_ptr>(make_(system));
  }

  void ask(caf::event_based_actor& self, const caf::strong_actor_ptr& target, job& j,
           std::function<void(caf::error)> answered) override {
    auto& typed = static_cast<typed_job<Job, Result>&>(j);
    auto pending = self.request(caf::actor_cast<handle>(target), caf::infinite, std::string{j.key},
                                Job{*typed.payload});
    auto failed = [answered](caf::error& reason) { answered(std::move(reason)); };
    if constexpr (std::is_void_v<Result>) {
      pending.then(
        [&typed, answered] {
          typed.result.emplace();
          answered({});
        },
        failed);
    } else {
      pending.then(
        [&typed, answered](Result& result) {
          typed.result.emplace(std::move(result));
          answered({});
        },
        failed);
    }
  }

private:
  Factory make_;
};

} // namespace detail

template <class Factory>
struct shared_actor_processor {
  static constexpr processor_kind kind = processor_kind::actor;
  template <class Job, class Result>
  using bound = detail::shared_actor_port<Factory, Job, Result>;
  Factory make;
};

/// One handler actor for all partitions and keys, made by `factory(caf::actor_system&)`, which
/// returns a caf::typed_actor or a caf::actor; called again when the actor has died.
template <class Factory>
auto shared_actor(Factory&& factory) {
  return shared_actor_processor<std::decay_t<Factory>>{std::forward<Factory>(factory)};
}

} // namespace keyloom
