// Handler actors: CAF actors as processors of a stage. Opt-in, because CAF's headers are heavy.
//
//   using registry = caf::typed_actor<caf::result<aircraft>(std::string, leg)>; // key, job, result
//   auto ask = source.stage<leg, aircraft>(
//     "ask", keyloom::shared_actor([](caf::actor_system& sys) { return sys.spawn(behavior); }),
//     finish);
//
// Forms, and their instances:
//   shared_actor(make)               one for all partitions and keys
//   actor_pool(n, make)              n of them; a key keeps to one while it has work
//   per_key_actor(make[, max])       one for each key of a partition, with state of its own
//   bare_actor(handle)               the one you hold: never ended by keyloom, never made again
//   remote_actor<Handle>(host,port)  one on another node, published there with CAF's middleman
//
// The actor takes (std::string key, Job) and answers with the stage's Result: by value, with an
// error, or later through a response promise. The answer to one job of a key is awaited before the
// key's next job is sent; keys are asked at once, as many as the stage's concurrency. Job and
// Result travel in messages: both need a CAF type id and an `inspect` overload. The handle may be a
// caf::typed_actor, checked when the program is compiled, or a caf::actor, whose answers of a wrong
// type fail their job with errc::wrong_result_type.
//
// Death. An actor that throws dies. The jobs it had begun are tried once more, each alone, at a new
// instance that the factory makes: nothing else is asked of that one until it has answered, so that
// a job never fails for what its neighbours do. Then they fail with errc::handler_actor_died. A job
// that was still in its mailbox does not count as tried. An error the actor answers, also that of
// an exception handler of its own, is not death: it goes to the finalizer at once. A factory that
// throws or returns nothing, a bare actor that has ended, and a node that cannot be reached fail
// the job with errc::no_handler_actor.
//
// Factories are called from keyloom's actors, never two at once for one stage, and must not wait.
// Instances are ended (caf::exit_reason::user_shutdown) when the source stops, or to make room for
// another key's, and killed when they are still there a second later: an actor with an exit handler
// of its own has that long to clean up and quit.
#pragma once

#include <keyloom/detail/actor_port.hpp>
#include <keyloom/detail/batcher_base.hpp>
#include <keyloom/errc.hpp>
#include <keyloom/processor.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <string>
#include <vector>

namespace keyloom {

namespace detail {

template <class Handle>
struct is_typed_handle : std::false_type {};

template <class... Signatures>
struct is_typed_handle<caf::typed_actor<Signatures...>> : std::true_type {};

template <class Handle>
concept actor_handle = std::same_as<Handle, caf::actor> || is_typed_handle<Handle>::value;

/// A factory that is called with Args.
template <class Factory, class... Args>
concept makes_actors = std::invocable<Factory&, Args...>
                       && actor_handle<std::invoke_result_t<Factory&, Args...>>;

/// What it makes; anything where a static_assert says that it makes none, so that this is the only
/// error.
template <class Factory, class... Args>
struct made_by : std::type_identity<caf::actor> {};

template <class Factory, class... Args>
  requires makes_actors<Factory, Args...>
struct made_by<Factory, Args...> : std::invoke_result<Factory&, Args...> {};

template <class Factory, class... Args>
typename made_by<Factory, Args...>::type make_with(Factory& factory, Args&&... args) {
  if constexpr (makes_actors<Factory, Args...>)
    return factory(std::forward<Args>(args)...);
  else
    return {};
}

/// True when a typed handle answers (std::string, Job) with Result; a dynamically typed one may.
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

/// What CAF can put into a message.
template <class T>
struct travels : std::bool_constant<std::is_void_v<T> || caf::has_type_id_v<T>> {};

template <class... Ts>
constexpr bool can_travel = std::conjunction_v<travels<Ts>...>;

/// The port of a form: of what `Form` makes, asks and checks.
template <class Form, class Job, class Result>
class typed_actor_port final : public actor_port {
public:
  static constexpr processor_kind kind = processor_kind::actor;
  using handle = typename Form::handle;

  explicit typed_actor_port(Form form) : form_(std::move(form)), layout_(form_.layout()) {
    static_assert(can_travel<Job, Result>,
                  "Job and Result of a stage with handler actors travel in messages: give them a "
                  "CAF type id (CAF_ADD_TYPE_ID) and an inspect overload");
    if constexpr (can_travel<Job, Result>)
      Form::template check<Job, Result>();
  }

  const actor_layout& layout() const override { return layout_; }

  caf::strong_actor_ptr spawn(caf::actor_system& system, const std::string& key) override {
    return caf::actor_cast<caf::strong_actor_ptr>(form_.make(system, key));
  }

  std::set<std::string> message_types(caf::actor_system& system) const override {
    return system.message_types(caf::detail::type_list<handle>{});
  }

  void ask(caf::event_based_actor& self, const caf::strong_actor_ptr& target, const job& j,
           uint64_t call, answer_port& back) override {
    if constexpr (can_travel<Job, Result> && answers<handle, Job, Result>()) {
      auto& asked = static_cast<const typed_job<Job, Result>&>(j);
      auto pending = self.request(caf::actor_cast<handle>(target), caf::infinite,
                                  std::string{j.key}, Job{*asked.payload});
      auto failed = [&back, call](caf::error& reason) {
        if (back.waiting(call) != nullptr)
          back.answered(call, std::move(reason));
      };
      if constexpr (std::is_void_v<Result>) {
        pending.then(
          [&back, call] {
            if (auto* open = back.waiting(call)) {
              static_cast<typed_job<Job, void>*>(open)->result.emplace();
              back.answered(call, {});
            }
          },
          failed);
      } else {
        pending.then(
          [&back, call](Result& result) {
            if (auto* open = back.waiting(call)) {
              set_result<Result>(*static_cast<typed_job<Job, Result>*>(open), std::move(result));
              back.answered(call, {});
            }
          },
          failed);
      }
    }
  }

private:
  Form form_;
  actor_layout layout_;
};

template <class Handle, class Item>
constexpr bool answers_batches() {
  if constexpr (can_travel<Item, std::vector<Item>>)
    return answers<Handle, std::vector<Item>, batch_errors>()
           || answers<Handle, std::vector<Item>, void>();
  else
    return false;
}

/// A batcher's executor that is a handler actor. A dynamically typed one answers batch_errors.
template <class Executor, class Item>
struct asking_executor {
  using handle = typename Executor::handle;
  static constexpr bool fits = Executor::takes_batches && answers_batches<handle, Item>()
                               && std::copy_constructible<Item>;
  using result
    = std::conditional_t<answers<handle, std::vector<Item>, batch_errors>(), batch_errors, void>;
  using port_type = typename Executor::template bound<std::vector<Item>, result>;

  explicit asking_executor(Executor executor) : port_(std::move(executor)) {}
  actor_port* port() { return &port_; }

private:
  port_type port_;
};

} // namespace detail

// -- the forms; users call the functions below
// -----------------------------------------------------

template <class Factory>
struct actor_pool_processor {
  static constexpr processor_kind kind = processor_kind::actor;
  static constexpr bool takes_batches = true;
  template <class Job, class Result>
  using bound = detail::typed_actor_port<actor_pool_processor, Job, Result>;
  using handle = typename detail::made_by<Factory, caf::actor_system&>::type;

  template <class Job, class Result>
  static constexpr void check() {
    static_assert(detail::answers<handle, Job, Result>(),
                  "shared_actor, actor_pool: the actor must answer (std::string key, Job) with the "
                  "stage's Result: caf::typed_actor<caf::result<Result>(std::string, Job)>, or a "
                  "dynamically typed caf::actor");
  }

  detail::actor_layout layout() const {
    return {.kind = detail::actor_layout::form::pool, .instances = instances};
  }
  handle make(caf::actor_system& system, const std::string&) {
    return detail::make_with(factory, system);
  }

  uint32_t instances;
  Factory factory;
};

template <class Factory>
struct per_key_actor_processor {
  static constexpr processor_kind kind = processor_kind::actor;
  static constexpr bool takes_batches = false;
  template <class Job, class Result>
  using bound = detail::typed_actor_port<per_key_actor_processor, Job, Result>;
  using handle = typename detail::made_by<Factory, caf::actor_system&, const std::string&>::type;

  template <class Job, class Result>
  static constexpr void check() {
    static_assert(detail::answers<handle, Job, Result>(),
                  "per_key_actor: the actor must answer (std::string key, Job) with the stage's "
                  "Result: caf::typed_actor<caf::result<Result>(std::string, Job)>, or a "
                  "dynamically typed caf::actor");
  }

  detail::actor_layout layout() const {
    return {.kind = detail::actor_layout::form::per_key, .instances = instances};
  }
  handle make(caf::actor_system& system, const std::string& key) {
    return detail::make_with(factory, system, key);
  }

  uint32_t instances;
  Factory factory;
};

template <class Handle>
struct bare_actor_processor {
  static constexpr processor_kind kind = processor_kind::actor;
  static constexpr bool takes_batches = true;
  template <class Job, class Result>
  using bound = detail::typed_actor_port<bare_actor_processor, Job, Result>;
  using handle = Handle;

  template <class Job, class Result>
  static constexpr void check() {
    static_assert(detail::answers<handle, Job, Result>(),
                  "bare_actor: the actor must answer (std::string key, Job) with the stage's "
                  "Result: caf::typed_actor<caf::result<Result>(std::string, Job)>, or a "
                  "dynamically typed caf::actor");
  }

  detail::actor_layout layout() const { return {.kind = detail::actor_layout::form::bare}; }
  handle make(caf::actor_system&, const std::string&) { return actor; }

  handle actor;
};

template <class Handle>
struct remote_actor_processor {
  static constexpr processor_kind kind = processor_kind::actor;
  static constexpr bool takes_batches = true;
  template <class Job, class Result>
  using bound = detail::typed_actor_port<remote_actor_processor, Job, Result>;
  using handle = Handle;

  template <class Job, class Result>
  static constexpr void check() {
    static_assert(detail::answers<handle, Job, Result>(),
                  "remote_actor: Handle must answer (std::string key, Job) with the stage's "
                  "Result: caf::typed_actor<caf::result<Result>(std::string, Job)>, or a "
                  "dynamically typed caf::actor");
    static_assert(!caf::is_allowed_unsafe_message_type_v<Job>
                    && !caf::is_allowed_unsafe_message_type_v<Result>,
                  "remote_actor: a type with CAF_ALLOW_UNSAFE_MESSAGE_TYPE cannot leave the "
                  "process; give Job and Result an inspect overload instead");
  }

  detail::actor_layout layout() const {
    return {.kind = detail::actor_layout::form::remote, .host = host, .port = port};
  }
  handle make(caf::actor_system&, const std::string&) { return {}; }

  std::string host;
  uint16_t port;
};

/// `instances` handler actors for all partitions and keys, each made by
/// `factory(caf::actor_system&)` when it is first needed, and again when it has died. A key keeps
/// to one of them while it has work: the one with the fewest keys.
template <class Factory>
auto actor_pool(uint32_t instances, Factory&& factory) {
  static_assert(detail::makes_actors<std::decay_t<Factory>, caf::actor_system&>,
                "actor_pool, shared_actor: the factory takes (caf::actor_system&) and returns a "
                "caf::typed_actor or a caf::actor");
  return actor_pool_processor<std::decay_t<Factory>>{instances, std::forward<Factory>(factory)};
}

/// One handler actor for all partitions and keys, made by `factory(caf::actor_system&)`.
template <class Factory>
auto shared_actor(Factory&& factory) {
  return actor_pool(1, std::forward<Factory>(factory));
}

/// One handler actor for each key of a partition, made by `factory(caf::actor_system&, const
/// std::string& key)` with the key's first job. It keeps its state until the partition is given up
/// (then it is ended, also within a job), until it dies, or until it is the one that has had no
/// work for longest while `max_instances` are alive, over all partitions, and another key needs
/// one: then it is ended and counted as evicted. The other key waits until it is gone, for which it
/// is killed after a second; if it then does not return from what it does, it is counted as gone
/// after another second, with a warning in the log. An instance with work is never evicted; keys
/// wait for their turn instead. What an evicted instance must not lose it has to keep elsewhere. A
/// job without a key has an instance to itself, which is ended after it.
template <class Factory>
auto per_key_actor(Factory&& factory, uint32_t max_instances = 10'000) {
  static_assert(
    detail::makes_actors<std::decay_t<Factory>, caf::actor_system&, const std::string&>,
    "per_key_actor: the factory takes (caf::actor_system&, const std::string& key) and returns a "
    "caf::typed_actor or a caf::actor");
  return per_key_actor_processor<std::decay_t<Factory>>{max_instances,
                                                        std::forward<Factory>(factory)};
}

/// An actor that lives without the source and is neither ended nor made again by it.
template <detail::actor_handle Handle>
auto bare_actor(Handle handle) {
  return bare_actor_processor<Handle>{std::move(handle)};
}

/// The actor that another node published at this port: `system.middleman().publish(handle, port)`.
/// Needs CAF's middleman, which exec_main loads; other programs call load<caf::io::middleman>() on
/// their configuration. While the node cannot be reached, jobs fail with errc::no_handler_actor;
/// each job tries to reach it again, and jobs go on when it is back.
template <detail::actor_handle Handle = caf::actor>
auto remote_actor(std::string host, uint16_t port) {
  return remote_actor_processor<Handle>{std::move(host), port};
}

} // namespace keyloom
