// Stages: named asynchronous steps of an event. A turn schedules a job for a key; the stage's
// processor works on it off the partition, its finalizer is called with the result back in the
// partition, where it may schedule into a further stage.
#pragma once

#include <keyloom/context.hpp>
#include <keyloom/detail/blank_job.hpp>
#include <keyloom/detail/run_results.hpp>
#include <keyloom/detail/stage_base.hpp>
#include <keyloom/owns_its_data.hpp>

#include <functional>

namespace keyloom {

/// A handle to a stage; copy it into handlers and finalizers.
template <class Job>
class stage_handle {
public:
  /// Made by `event_source::stage`.
  stage_handle(uint32_t index, void (*fill)(detail::job&, Job&&)) : index_(index), fill_(fill) {}

  /// Gives `job` to the stage, behind all earlier jobs of `key`. The key is copied before the job
  /// is moved, so it may live in the job. A key without memory (string_view{}, the key of a record
  /// without one) means no order: the job is a key of its own; an empty key is a key. Returns
  /// `incomplete`, for the turn to return.
  outcome schedule(context_base& ctx, std::string_view key, Job&& job) const {
    auto& blank = detail::blank_job(ctx.impl(), index_, key);
    fill_(blank, std::move(job));
    return ctx.impl().submit(blank);
  }

  outcome schedule(context_base& ctx, std::string_view key, const Job& job) const {
    return schedule(ctx, key, Job{job});
  }

  /// Waits behind all earlier jobs of `key` in this stage and does nothing: no call, no finalizer.
  /// For events that need no work but must not be complete before those jobs, as where finalizers
  /// write the store. Returns `incomplete`, for the turn to return.
  outcome pass(context_base& ctx, std::string_view key) const {
    auto& blank = detail::blank_job(ctx.impl(), index_, key);
    blank.pass = true;
    return ctx.impl().submit(blank);
  }

  /// The stage's place among those of its source.
  uint32_t index() const { return index_; }

private:
  uint32_t index_;
  void (*fill_)(detail::job&, Job&&);
};

namespace detail {

/// Stands for a finalizer that was not given.
struct no_finalizer {};

/// What may stand in a finalizer's place: everything but limits and options. Whether it takes what
/// a finalizer takes is said by a static_assert, in one sentence.
template <class T>
concept finalizer_like = !std::convertible_to<T, stage_limits> && !std::same_as<T, stage_options>;

template <class Store, class Job, class Result, class Processor, class Finalizer>
class typed_stage final : public stage_base {
public:
  using job_type = typed_job<Job, Result>;
  using result_type = caf::expected<Result>;

  typed_stage(std::string name, const stage_options& options, Processor processor,
              Finalizer finalizer)
    : stage_base(std::move(name), Processor::kind, options, by_run),
      processor_(std::move(processor)), finalizer_(std::move(finalizer)) {}

  static void fill(job& j, Job&& payload) { cast(j).payload.emplace(std::move(payload)); }

  std::unique_ptr<job> make_job() const override { return std::make_unique<job_type>(); }

  void process(job& j) override {
    if constexpr ((Processor::kind == processor_kind::compute
                   || Processor::kind == processor_kind::blocking)
                  && !by_run) {
      auto& typed = cast(j);
      using returned = decltype(processor_.call(j.key, *typed.payload));
      if constexpr (std::is_void_v<returned>) {
        processor_.call(j.key, *typed.payload);
        typed.result.emplace();
      } else {
        typed.result.emplace(processor_.call(j.key, *typed.payload));
      }
    }
  }

  void process_run(std::span<job* const> jobs) override {
    if constexpr (by_run)
      call_with_run<Job, Result>(processor_.runs.call, name(), jobs);
  }

  void begin([[maybe_unused]] std::unique_ptr<job> call,
             [[maybe_unused]] completion_port_ptr to) override {
    if constexpr (Processor::kind == processor_kind::async) {
      std::unique_ptr<result_job<Result>> typed{static_cast<job_type*>(call.release())};
      auto& lent = cast(*typed);
      processor_.call(lent.key, *lent.payload, completion<Result>{std::move(typed), std::move(to)});
    }
  }

  bool copies_jobs() const override { return std::copy_constructible<Job>; }
  bool owns_jobs() const override { return owns_its_data<Job>; }

  void lend(job& from, job& call) override {
    auto& payload = cast(from).payload;
    if constexpr (std::copy_constructible<Job>)
      if (timeout().count() > 0)
        cast(call).payload.emplace(std::as_const(*payload));
    if (!cast(call).payload)
      cast(call).payload.emplace(std::move(*payload));
    call.key_hash = from.key_hash;
    call.key = {};
    if (from.key.data() != nullptr) {
      call.own_key.assign(from.key);
      call.key = call.own_key;
    }
  }

  void give_back(job& call, job& to) override {
    cast(to).payload.emplace(std::move(*cast(call).payload));
    cast(to).result.emplace(std::move(*cast(call).result));
  }

  void fail(job& j, caf::error reason) override { cast(j).result.emplace(std::move(reason)); }

  const caf::error* failure(const job& j) const override {
    auto& typed = static_cast<const job_type&>(j);
    return *typed.result || !typed.payload ? nullptr : &typed.result->error();
  }

  outcome finalize(turn& t, job& j) override {
    auto& typed = cast(j);
    if constexpr (!std::is_void_v<Result>)
      if (!*typed.result && !typed.result->error()) // would pass for success in an outcome
        *typed.result = caf::make_error(errc::processor_failed,
                                        "the processor returned an empty error; let it return a "
                                        "result, or an error that says what failed");
    if (!typed.payload) // lost when it was moved: there is nothing to call the finalizer with
      return typed.result->error();
    if constexpr (std::is_same_v<Finalizer, no_finalizer>) {
      return *typed.result ? complete : outcome{typed.result->error()};
    } else {
      context<Store> ctx{t};
      return finalizer_(ctx, j.key, *typed.payload, std::move(*typed.result));
    }
  }

  void clear(job& j) override {
    cast(j).payload.reset();
    cast(j).result.reset();
  }

  actor_port* handlers() override {
    if constexpr (Processor::kind == processor_kind::actor)
      return &processor_;
    else
      return nullptr;
  }

private:
  static constexpr bool by_run = requires { requires Processor::by_run; };

  static job_type& cast(job& j) { return static_cast<job_type&>(j); }

  Processor processor_;
  Finalizer finalizer_;
};

} // namespace detail

} // namespace keyloom
