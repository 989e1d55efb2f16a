// One consumer group on one topic, from record to commit: handlers, stages, and the actors that run
// them.
//
//   keyloom::event_source<> source{system, {.group = "flights", .topic = "legs"}};
//   auto look = source.stage<leg, aircraft>("lookup", keyloom::blocking(find), finish);
//   source.on<leg>("leg", keyloom::json<leg>{}, [=](auto& ctx, leg l) { return look.schedule(ctx,
//   l.tail, l); }); return source.run();
//
// Define handlers and stages first, on one thread; then `run`, or `start` and `stop` inside a
// larger program. `state` may be called from any thread at any time.
#pragma once

#include <keyloom/batcher.hpp>
#include <keyloom/detail/decoding.hpp>
#include <keyloom/detail/source.hpp>
#include <keyloom/shared_resources.hpp>
#include <keyloom/stage.hpp>

#include <future>

namespace keyloom {

namespace detail {

/// The function of an interjection that is asked for, erased.
template <class Store, class Function>
interjection_function interjecting(Function f) {
  static_assert(std::is_invocable_r_v<outcome, Function&, context<Store>&>,
                "an interjection takes (context<Store>&) and returns an outcome: complete, what "
                "schedule returned, or an error");
  return [f = std::move(f)](turn& in) mutable -> outcome {
    context<Store> ctx{in};
    return f(ctx);
  };
}

} // namespace detail

template <class Store = no_store>
class event_source {
public:
  using context_type = context<Store>;

  /// A source without a store.
  event_source(caf::actor_system& system, source_config cfg)
    requires std::same_as<Store, no_store>
    : impl_(detail::make_source(system, std::move(cfg), nullptr, nullptr)) {}

  /// The same, sharing threads and byte budget with other sources.
  event_source(caf::actor_system& system, source_config cfg, const shared_resources& shared)
    requires std::same_as<Store, no_store>
    : impl_(detail::make_source(system, std::move(cfg), nullptr, shared.impl())) {}

  /// A source with a store per partition, made by `make_store()` or `make_store(topic, partition)`.
  /// The store is touched by one thread at a time and freed when the partition is given up.
  template <class Factory>
  event_source(caf::actor_system& system, source_config cfg, Factory make_store)
    : impl_(detail::make_source(system, std::move(cfg), erased(std::move(make_store)), nullptr)) {}

  /// The same, sharing threads and byte budget with other sources.
  template <class Factory>
  event_source(caf::actor_system& system, source_config cfg, Factory make_store,
               const shared_resources& shared)
    : impl_(
      detail::make_source(system, std::move(cfg), erased(std::move(make_store)), shared.impl())) {}

  /// Handles records whose header `type` is `type`: `handler(context<Store>&, T) -> outcome`. A
  /// null value is errc::decode_failed, unless T is a std::optional.
  template <class T, class Codec, class Handler>
  void on(std::string type, Codec codec, Handler handler) {
    impl_->add_route(std::move(type),
                     detail::decoding<Store, T>(std::move(codec), std::move(handler)));
  }

  /// Handles records without a header `type`.
  template <class T, class Codec, class Handler>
  void on(Codec codec, Handler handler) {
    impl_->set_untyped_route(detail::decoding<Store, T>(std::move(codec), std::move(handler)));
  }

  /// Handles all records that nothing else takes: `handler(context<Store>&, const record&) ->
  /// outcome`.
  template <class Handler>
  void on_default(Handler handler) {
    if constexpr (std::is_invocable_r_v<outcome, Handler&, context_type&, const record&>)
      impl_->set_default_route(
        [h = std::move(handler)](detail::turn& turn, const record& rec) mutable -> outcome {
          context_type ctx{turn};
          return h(ctx, rec);
        });
    else
      static_assert(detail::never<Handler>,
                    "the handler of on_default takes (context<Store>&, const record&) and returns "
                    "an outcome: complete, what schedule returned, or an error");
  }

  /// Adds a stage. `finalizer(context<Store>&, std::string_view key, Job&, caf::expected<Result>)
  /// -> outcome` runs in the partition. `limits` is a preset (standard, wide_network, ...) or
  /// numbers of your own, by their names: {.concurrency = 8}.
  template <class Job, class Result, class Processor, detail::finalizer_like Finalizer>
  stage_handle<Job> stage(std::string name, Processor processor, Finalizer finalizer,
                          stage_limits limits = standard) {
    return stage<Job, Result>(std::move(name), std::move(processor), std::move(finalizer),
                              stage_options{.limits = limits});
  }

  /// The same with more to choose: {.limits = wide_network, .mode = stage_mode::unordered}.
  template <class Job, class Result, class Processor, detail::finalizer_like Finalizer>
  stage_handle<Job> stage(std::string name, Processor processor, Finalizer finalizer,
                          stage_options options) {
    if constexpr (std::is_invocable_r_v<outcome, Finalizer&, context_type&, std::string_view, Job&,
                                        caf::expected<Result>>)
      return add_stage<Job, Result>(std::move(name), std::move(processor), std::move(finalizer),
                                    options);
    else
      static_assert(detail::never<Finalizer>,
                    "a finalizer takes (context<Store>&, std::string_view key, Job&, "
                    "caf::expected<Result>) and returns an outcome: complete, what schedule "
                    "returned, or an error");
    return {0, nullptr};
  }

  /// Adds a stage without a finalizer: the event is complete when the job has ended well.
  template <class Job, class Result, class Processor>
  stage_handle<Job> stage(std::string name, Processor processor, stage_limits limits = standard) {
    return stage<Job, Result>(std::move(name), std::move(processor),
                              stage_options{.limits = limits});
  }

  template <class Job, class Result, class Processor>
  stage_handle<Job> stage(std::string name, Processor processor, stage_options options) {
    return add_stage<Job, Result>(std::move(name), std::move(processor), detail::no_finalizer{},
                                  options);
  }

  /// Runs `handler(context<Store>&, std::chrono::system_clock::time_point due) -> outcome` in each
  /// active partition, between its other turns: for the first time `every` after the partition has
  /// opened, then `every` after the last run began, each time give or take up to `jitter` (below
  /// `every`). Steady time counts; `due` is when it had to run, by the wall clock of now. A run
  /// that is incomplete holds the next one up, which then comes at once; missed ones do not come.
  /// `name` is for errors and logs; by default a number.
  template <class Handler>
  void schedule_interjection(Handler handler, std::chrono::milliseconds every,
                             std::chrono::milliseconds jitter = std::chrono::milliseconds{0},
                             std::string name = {}) {
    using time_point = std::chrono::system_clock::time_point;
    static_assert(std::is_invocable_r_v<outcome, Handler&, context_type&, time_point>,
                  "the handler of schedule_interjection takes (context<Store>&, "
                  "std::chrono::system_clock::time_point due) and returns an outcome");
    auto erased = [h = std::move(handler)](detail::turn& turn, time_point due) mutable -> outcome {
      context_type ctx{turn};
      return h(ctx, due);
    };
    impl_->add_interjection({std::move(name), std::move(erased), every, jitter});
  }

  /// Runs `f(context<Store>&) -> outcome` once in a partition, between its other turns; any thread,
  /// while the source runs. The future has an empty error when it is out: complete, its outputs
  /// acknowledged. Otherwise what its turns returned or threw (which the failure policy gets, too),
  /// errc::not_assigned when the partition is not this source's, or errc::given_up when it was
  /// handed over or stopped before. It always gets one; it need not be kept. Wait for it on no
  /// actor's thread.
  template <class Function>
  std::future<caf::error> interject(int32_t partition, Function f) {
    return interject(std::string{}, partition, std::move(f));
  }

  /// The same for a source of several topics.
  template <class Function>
  std::future<caf::error> interject(std::string topic, int32_t partition, Function f) {
    auto promise = std::make_shared<std::promise<caf::error>>();
    auto result = promise->get_future();
    interject_then(std::move(topic), partition, std::move(f),
                   [promise](caf::error reason) { promise->set_value(std::move(reason)); });
    return result;
  }

  /// The same for callers that must not wait, such as actors: `then(caf::error)` is called instead,
  /// once, by any thread, perhaps before this returns. It must not throw or block; an actor lets it
  /// send itself a message.
  template <class Function, class Then>
  void interject_then(std::string topic, int32_t partition, Function f, Then then) {
    impl_->interject(std::move(topic), partition, detail::interjecting<Store>(std::move(f)),
                     std::move(then));
  }

  /// Runs `f` once in each partition that is assigned to this source now; each has a copy, and
  /// several may run at the same time. The future has what became of it in each, by topic and
  /// partition; it is empty when none is assigned.
  template <class Function>
  std::future<std::vector<interjection_result>> interject_all(Function f) {
    auto promise = std::make_shared<std::promise<std::vector<interjection_result>>>();
    auto result = promise->get_future();
    interject_all_then(std::move(f), [promise](std::vector<interjection_result> all) {
      promise->set_value(std::move(all));
    });
    return result;
  }

  /// The same with `then(std::vector<interjection_result>)`, as above.
  template <class Function, class Then>
  void interject_all_then(Function f, Then then) {
    impl_->interject_all(detail::interjecting<Store>(std::move(f)), std::move(then));
  }

  /// Adds a batcher: items that events add are executed together. `executor` is blocking(f) with
  /// `f(batch<Item>&)`, which returns nothing or an error, or a handler actor (shared_actor,
  /// actor_pool, bare_actor, remote_actor) that takes (std::string batcher, std::vector<Item>) and
  /// answers batch_errors or nothing. `callback(context<Store>&, batch_items<Item>&) -> outcome`
  /// runs in the partition.
  template <class Item, class Executor, detail::callback_like Callback>
  batcher_handle<Item> batcher(std::string name, Executor executor, Callback callback,
                               batcher_options options = {}) {
    if constexpr (std::is_invocable_r_v<outcome, Callback&, context_type&, batch_items<Item>&>)
      return add_batcher<Item>(std::move(name), std::move(executor), std::move(callback), options);
    else
      static_assert(detail::never<Callback>,
                    "a batcher's callback takes (context<Store>&, keyloom::batch_items<Item>&) and "
                    "returns an outcome: complete, what schedule or add returned, or an error");
    return batcher_handle<Item>{0};
  }

  /// Adds a batcher without a callback: the event is complete when all its items went well, and
  /// fails with the first error otherwise.
  template <class Item, class Executor>
  batcher_handle<Item> batcher(std::string name, Executor executor, batcher_options options = {}) {
    return add_batcher<Item>(std::move(name), std::move(executor), detail::no_callback{}, options);
  }

  /// Changes the limits of a stage, also while the source runs; any thread. What is raised acts at
  /// once; what is lowered lets finish what runs or waits already. errc::bad_config for limits that
  /// let nothing through, errc::wrong_state for a stage of another source.
  template <class Job>
  caf::error set_limits(const stage_handle<Job>& stage, stage_limits limits) {
    return impl_->set_limits(stage.index(), limits);
  }

  /// Starts, and returns when a broker has answered, the topic is known and joining the group has
  /// begun (`state` shows the partitions as they come), or with an error: bad_config,
  /// broker_unreachable, topic_missing, wrong_state (it runs already). May be tried again, also
  /// after `stop`. Not from an actor.
  caf::error start() { return impl_->start(); }

  /// Stops taking in records, finishes what was begun (up to `stop_deadline`), commits, leaves the
  /// group, and ends all actors and threads. A blocking call that runs is waited for, however long
  /// it takes. What was not finished in time is in `state().errors`. Not from an actor.
  void stop() { impl_->stop(); }

  /// Starts, runs until SIGINT or SIGTERM or until every partition has stopped, and stops. A second
  /// signal ends the process at once. Returns an exit code: 0 drained, 1 a partition stopped, an
  /// error, or work that was not finished within `stop_deadline`, 2 wrong configuration, 3 no
  /// broker; errors are logged.
  int run() { return impl_->run(); }

  /// What the source counts, at once; any thread.
  source_state state() const { return impl_->state(); }

  /// The same with what holds each partition up, and the keys that are in flight for longest: the
  /// partitions are asked, between their turns, and one that is inside of a turn for 300 ms is left
  /// out. Any thread; wait for it on no actor's.
  std::future<source_state> full_state() {
    auto promise = std::make_shared<std::promise<source_state>>();
    auto result = promise->get_future();
    full_state_then([promise](source_state what) { promise->set_value(std::move(what)); });
    return result;
  }

  /// The same for callers that must not wait, such as actors: `then(source_state)` is called
  /// instead, once, by any thread, perhaps before this returns. It must not throw or block.
  template <class Then>
  void full_state_then(Then then) {
    impl_->full_state(std::move(then));
  }

  /// For the testkit.
  const detail::source& impl() const { return *impl_; }

private:
  template <class Factory>
  static detail::store_factory erased(Factory make_store) {
    static_assert(!std::same_as<Store, no_store>, "name the store's type: event_source<my_store>");
    return [make = std::move(make_store)](const std::string& topic, int32_t partition) mutable
           -> std::unique_ptr<detail::store_port> {
      using adapter = detail::store_adapter<Store>;
      if constexpr (std::invocable<Factory&, const std::string&, int32_t>)
        return std::make_unique<adapter>(std::make_unique<Store>(make(topic, partition)));
      else
        return std::make_unique<adapter>(std::make_unique<Store>(make()));
    };
  }

  template <class Job, class Result, class Processor, class Finalizer>
  stage_handle<Job> add_stage(std::string name, Processor processor, Finalizer finalizer,
                              const stage_options& options) {
    if constexpr (!detail::processor_like<Processor>) {
      static_assert(detail::never<Processor>,
                    "a stage's processor says where the work is done: blocking(f), compute(f), "
                    "async(f), or a handler actor such as shared_actor(make)");
      return {0, nullptr};
    } else if constexpr (Processor::kind == processor_kind::actor) {
      using bound = typename Processor::template bound<Job, Result>;
      return add_typed<Job, Result>(std::move(name), bound{std::move(processor)},
                                    std::move(finalizer), options);
    } else if constexpr (Processor::by_run) {
      static_assert(detail::processes_runs<decltype(processor.runs.call), Job, Result>,
                    "a by_run processor takes (std::string_view key, std::span<Job* const>) and "
                    "returns std::vector<Result>, caf::expected of it, or "
                    "std::vector<caf::expected<Result>>; without a result nothing or caf::error");
      return add_typed<Job, Result>(std::move(name), std::move(processor), std::move(finalizer),
                                    options);
    } else {
      if constexpr (Processor::kind == processor_kind::async)
        static_assert(detail::begins<decltype(processor.call), Job, Result>,
                      "an asynchronous function takes (std::string_view key, Job&, "
                      "keyloom::completion<Result>)");
      else
        static_assert(detail::processes<decltype(processor.call), Job, Result>,
                      "a processor takes (std::string_view key, Job&) and returns Result or "
                      "caf::expected<Result>");
      return add_typed<Job, Result>(std::move(name), std::move(processor), std::move(finalizer),
                                    options);
    }
  }

  template <class Job, class Result, class Processor, class Finalizer>
  stage_handle<Job> add_typed(std::string name, Processor processor, Finalizer finalizer,
                              const stage_options& options) {
    using stage_type = detail::typed_stage<Store, Job, Result, Processor, Finalizer>;
    auto index = impl_->add_stage(std::make_unique<stage_type>(
      std::move(name), options, std::move(processor), std::move(finalizer)));
    return stage_handle<Job>{index, &stage_type::fill};
  }

  template <class Item, class Executor, class Callback>
  batcher_handle<Item> add_batcher(std::string name, Executor executor, Callback callback,
                                   const batcher_options& options) {
    if constexpr (detail::calls_batches<Executor>) {
      if constexpr (detail::executes<decltype(executor.call), Item>)
        return add_typed_batcher<Item>(
          std::move(name), options, detail::calling_executor<Executor, Item>{std::move(executor)},
          std::move(callback));
      else
        static_assert(detail::never<Executor>,
                      "a batcher's executor blocking(f) takes (keyloom::batch<Item>&) and returns "
                      "nothing, or a caf::error");
    } else if constexpr (detail::asks_batches<Executor>) {
      using asking = detail::asking_executor<Executor, Item>;
      if constexpr (asking::fits)
        return add_typed_batcher<Item>(std::move(name), options, asking{std::move(executor)},
                                       std::move(callback));
      else
        static_assert(detail::never<Executor>,
                      "a batcher's handler actor takes (std::string batcher, std::vector<Item>) "
                      "and answers keyloom::batch_errors or nothing; Item and std::vector<Item> "
                      "need CAF type ids; per_key_actor cannot take batches");
    } else {
      static_assert(detail::never<Executor>,
                    "a batcher's executor says where batches are executed: blocking(f), or a "
                    "handler actor such as shared_actor(make)");
    }
    return batcher_handle<Item>{0};
  }

  template <class Item, class Executing, class Callback>
  batcher_handle<Item> add_typed_batcher(std::string name, const batcher_options& options,
                                         Executing executing, Callback callback) {
    using batcher_type = detail::typed_batcher<Store, Item, Executing, Callback>;
    return batcher_handle<Item>{impl_->add_stage(std::make_unique<batcher_type>(
      std::move(name), options, std::move(executing), std::move(callback)))};
  }

  std::unique_ptr<detail::source> impl_;
};

} // namespace keyloom
