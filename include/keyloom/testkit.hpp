// Tests of your own handlers and stages, without a broker, a thread, or real time. The kit takes an
// event source as your program defines it and plays the world around it: you feed records, answer
// the processors, look at outputs, commits and store, let time pass, crash and restart.
//
//   keyloom::test_system system;
//   keyloom::event_source<ledger> source{system, {.group = "g", .topic = "legs"}, make_ledger};
//   define(source);                                // what your program does before source.run()
//   keyloom::testkit kit{source};
//   kit.feed({.key = "N1", .value = R"({"tailnum": "N1"})"});
//   kit.stage<leg, aircraft>("lookup").next("N1").answer({.model = "737"});
//   CHECK(kit.values() == std::vector<std::string>{"N1 is a 737"});
//   kit.commit();
//   CHECK(kit.committed() == 1);
//
// Everything in it is what runs in production (the same order, limits, failure policy and commits),
// except that nothing happens unless the test makes it happen, so the same test always runs the
// same way. Chance, where `run` and `step` take it, comes from a seed. Works with any test
// framework: a wrong use of the kit throws `testkit_error`, everything else is a value to check.
//
// Completions (`async(f)`, `context::job_complete`) may be called by any thread: from the test's
// own the finalizer runs before that returns, unless it was in a turn, from others with the test's
// next call of the kit.
//
// One thread. A kit refers to its source, which must not be changed or started meanwhile. Inside
// handlers, finalizers and processors the kit must not be called.
#pragma once

#include <keyloom/detail/test_job_view.hpp>
#include <keyloom/event_source.hpp>
#include <keyloom/test_system.hpp>

#include <stdexcept>
#include <typeinfo>

namespace keyloom {

namespace rig {
class session;
} // namespace rig

/// The test used the kit in a way that cannot be; the message names what and what there is instead.
class testkit_error : public std::logic_error {
public:
  using std::logic_error::logic_error;
};

/// When outputs are acknowledged.
enum class test_acks : uint8_t {
  at_once,  ///< as soon as they are released
  in_steps, ///< by `run` and `step`, in seeded order
  by_hand,  ///< by `acknowledge`
};

struct testkit_options {
  /// Of all that is left to chance. 0: KEYLOOM_SEED of the environment, or else 1.
  uint64_t seed = 0;
  /// Partitions of the topic, all assigned at first.
  int32_t partitions = 1;
  test_acks acks = test_acks::at_once;
  /// What the wall clock shows at first: 2026-01-01 00:00:00 UTC.
  std::chrono::system_clock::time_point wall_clock{std::chrono::seconds{1'767'225'600}};
};

/// A record to feed. Key and value that are not set are null.
struct test_record {
  std::optional<std::string> key = std::nullopt;
  std::optional<std::string> value = std::nullopt;
  std::string type = {}; ///< sent as the header `type` unless empty
  std::vector<header> headers = {};
  int32_t partition = 0;
  /// The next one of the partition unless set; a higher one leaves a hole, as compaction does.
  std::optional<int64_t> offset = std::nullopt;
  /// Milliseconds since 1970; the wall clock unless set.
  std::optional<int64_t> timestamp_ms = std::nullopt;
};

/// A record that a turn forwarded and that was released to the producer.
struct test_output : outgoing_record {
  enum class delivery : uint8_t { pending, acknowledged, refused };
  int32_t source_partition = 0; ///< of the record whose event sent it
  int64_t source_offset = 0;
  delivery state = delivery::pending;
};

template <class Job, class Result>
class test_stage;

template <class Item>
class test_batcher;

/// The part of a kit that does not know the store's type.
class testkit_base {
public:
  testkit_base(const testkit_base&) = delete;
  testkit_base& operator=(const testkit_base&) = delete;

  // -- records -----------------------------------------------------------------------------------

  /// Appends a record to its partition, which takes it in as soon as it may. Returns its offset.
  int64_t feed(test_record rec);

  /// Appends records that are polled together: what handlers schedule for them leaves together.
  void feed_batch(std::vector<test_record> records);

  /// Moves the partition's end over `count` offsets without records, as markers of transactions do.
  void feed_hole(int64_t count, int32_t partition = 0);

  // -- processors --------------------------------------------------------------------------------

  /// The stage of this name, to look at its jobs and answer them. Throws testkit_error for an
  /// unknown name and for other types than those it was defined with.
  template <class Job, class Result>
  test_stage<Job, Result> stage(std::string_view name);

  /// The batcher of this name, to look at its batches and answer them. Throws testkit_error for an
  /// unknown name and for another type than the items it was defined with.
  template <class Item>
  test_batcher<Item> batcher(std::string_view name);

  /// Jobs that are scheduled and not answered, over all stages and partitions, and what events have
  /// added to batchers and was not called back.
  size_t pending() const;

  /// Does one thing of those that could happen next, chosen by the seed: calls a processor for a
  /// key's next jobs, or acknowledges an output (test_acks::in_steps). Functions are called here
  /// and now; an asynchronous one answers when its completion is fulfilled or dropped, now or
  /// later. A handler actor is played by what `answer_with` was given. A blocking call that has
  /// timed out returns, and its answer is dropped. False when nothing is left to do but what the
  /// test itself holds (completions, and what it has begun).
  bool step();

  /// Steps until nothing is left to do, or `most` times. Returns how many it took.
  size_t run(size_t most = SIZE_MAX);

  // -- time --------------------------------------------------------------------------------------

  /// Lets time pass: commits (every `commit_interval`), deadlines, retries and scheduled
  /// interjections happen when due. Jobs that are not answered within their stage's timeout, from
  /// the moment on when they may be answered, fail with errc::timed_out. Their key goes on, after a
  /// blocking call when it returns
  /// (`test_job::answer`, `run`). Late answers count in `state().stages`.
  void advance(std::chrono::milliseconds by);

  std::chrono::steady_clock::time_point now() const;
  std::chrono::system_clock::time_point wall_now() const;

  // -- outputs -----------------------------------------------------------------------------------

  /// All that was released since the kit was made, in order; a crash takes nothing back.
  const std::vector<test_output>& outputs() const;

  /// The values of `outputs()`, of one topic or of all; a null value shows as "(null)".
  std::vector<std::string> values(std::string_view topic = {}) const;

  /// Acknowledges the output at `index` of `outputs()`.
  void acknowledge(size_t index);

  /// Acknowledges all that wait for it, in order.
  void acknowledge_all();

  /// Reports that the broker refused the output at `index`.
  void refuse(size_t index, caf::error reason = default_refusal());

  /// From now on the producer refuses at once what `which` says yes to, as it does with a record
  /// that is too large; an empty function: nothing.
  void refuse_outputs(std::function<bool(const outgoing_record&)> which);

  /// The producer's queue has room for so many more records. What finds no room is tried again
  /// after 5 ms, or when an output is acknowledged.
  void producer_room(size_t records);

  // -- commits, partitions, errors ---------------------------------------------------------------

  /// Commits now what may be committed, without waiting for `commit_interval`.
  void commit();

  /// The offset the group has committed; -1 before the first commit.
  int64_t committed(int32_t partition = 0) const;

  /// The offset that a commit would name now: the lowest that is not out. Of an assigned partition.
  int64_t committable(int32_t partition = 0) const;

  /// As `event_source::state`: counters, each assigned partition and each stage.
  source_state state() const;

  /// `active`, `draining`, `stopped`, or `unassigned`.
  lifecycle state(int32_t partition) const;

  /// Why the partition stopped, last; empty when it did not.
  const std::string& stop_reason(int32_t partition = 0) const;

  /// The errors of skipped events, in order (failure_action::skip).
  const std::vector<std::string>& skips() const;

  /// True once `event_source::run` would end: all partitions have stopped, or one has and the
  /// source stops with it, or `stop` was called.
  bool ended() const;

  // -- hand-overs and crashes --------------------------------------------------------------------

  /// The group takes the partition back: it drains up to `drain_deadline` (see `advance`), commits,
  /// and is unassigned.
  void revoke(int32_t partition = 0);

  /// The group took the partition away without asking: it is given up at once, without a commit.
  void lose(int32_t partition = 0);

  /// Assigns a partition that is not: it starts at its commit, or at its first record, with a new
  /// store. Calls that still run for an earlier assignment (test_job::begin) are waited for.
  void assign(int32_t partition = 0);

  /// Takes all partitions in hand as `event_source::stop` does: drain up to `stop_deadline`,
  /// commit, leave.
  void stop();

  /// The consumer fails on the partition, e.g. because its committed offset is gone: it stops.
  void fail_intake(caf::error reason, int32_t partition = 0);

  /// The process dies: jobs, stores and events are gone, nothing is committed. What was handed to
  /// the producer counts as sent.
  void crash();

  /// The process starts again after `crash` or `stop`: every partition is assigned.
  void restart();

  // -- for reports -------------------------------------------------------------------------------

  uint64_t seed() const;

  /// What a failed test should show: the seed and how to run it again, and what the kit is doing.
  /// The kit prints it to stderr when it is destroyed by an exception, as a failed REQUIRE of
  /// Catch2; with GoogleTest, say SCOPED_TRACE(kit.describe()).
  std::string describe() const;

  /// For keyloom's own tests.
  rig::session& internals() { return *session_; }

protected:
  testkit_base(const detail::source& definition, const testkit_options& options);
  ~testkit_base();

  const void* store_of(int32_t partition) const;
  std::future<caf::error> interject(int32_t partition, detail::interjection_function f);

private:
  template <class, class>
  friend class test_stage;
  template <class, class>
  friend class test_job;
  template <class>
  friend class test_batcher;
  template <class>
  friend class test_batch;

  static caf::error default_refusal();
  uint32_t find_stage(std::string_view name, const std::type_info& job_type) const;
  std::vector<detail::test_job_view> ready_jobs(uint32_t stage) const;
  detail::test_job_view ready_job(uint32_t stage, std::optional<std::string_view> key) const;
  size_t jobs_in(uint32_t stage) const;
  void play(uint32_t stage, std::function<void(detail::job&)> processor);
  detail::job& look_at(const detail::test_job_view& job) const;
  detail::job& to_answer(const detail::test_job_view& job) const;
  void answered(const detail::test_job_view& job);
  void fail(const detail::test_job_view& job, caf::error reason);
  void call(const detail::test_job_view& job);
  void die(const detail::test_job_view& job);
  void begin(const detail::test_job_view& job);
  std::vector<uint64_t> batches_of(uint32_t batcher) const;
  uint64_t first_batch(uint32_t batcher) const;
  std::span<detail::batch_entry* const> items_of(uint64_t batch) const;
  void batch_executed(uint64_t batch, const caf::error& reason);
  void execute_batch(uint64_t batch);
  void play_batches(uint32_t batcher,
                    std::function<void(std::span<detail::batch_entry* const>)> executor);
  batcher_state state_of_batcher(uint32_t batcher) const;

  std::unique_ptr<rig::session> session_;
  int exceptions_;
};

/// A job whose turn it is: nothing stands before it in its key. A handle: it may be kept, and says
/// so when the job it stands for is gone. When the job has timed out it stands for the call, which
/// goes on: what it is answered then is dropped.
template <class Job, class Result>
class test_job {
public:
  test_job(testkit_base& kit, detail::test_job_view view) : kit_(&kit), view_(std::move(view)) {}

  /// The key it was scheduled with; empty for a job without a key.
  const std::string& key() const { return view_.key; }
  /// Of the record whose event scheduled it.
  int32_t partition() const { return view_.partition; }
  int64_t offset() const { return view_.offset; }
  /// Times it was tried before: above 0 after `die`, and when its stage tries it again.
  uint32_t attempts() const { return view_.attempts; }

  Job& job() const { return *cast(kit_->look_at(view_)).payload; }

  /// The processor's result. Its finalizer runs before this returns.
  void answer(std::conditional_t<std::is_void_v<Result>, std::nullptr_t, Result> result) const
    requires(!std::is_void_v<Result>)
  {
    cast(kit_->to_answer(view_)).result.emplace(std::move(result));
    kit_->answered(view_);
  }

  void answer() const
    requires std::is_void_v<Result>
  {
    cast(kit_->to_answer(view_)).result.emplace();
    kit_->answered(view_);
  }

  /// The processor's error: the stage may try the job again, later (`advance`).
  void fail(caf::error reason) const { kit_->fail(view_, std::move(reason)); }
  void fail(errc code, std::string sentence) const {
    fail(caf::make_error(code, std::move(sentence)));
  }

  /// Calls the stage's own function, or what `answer_with` was given. Once an asynchronous function
  /// was called, its completion answers the job, and nobody else.
  void run() const { kit_->call(view_); }

  /// The handler actor died while it held the job: the job is tried once more, and fails with
  /// errc::handler_actor_died the second time.
  void die() const { kit_->die(view_); }

  /// The call has begun: a partition that is given up now cannot be opened again before it has
  /// returned (`answer`, `fail`), which then changes nothing else. Jobs that have not begun are
  /// dropped when their partition is given up.
  void begin() const { kit_->begin(view_); }

private:
  static detail::typed_job<Job, Result>& cast(detail::job& j) {
    return static_cast<detail::typed_job<Job, Result>&>(j);
  }

  testkit_base* kit_;
  detail::test_job_view view_;
};

/// The jobs of one stage, over all partitions.
template <class Job, class Result>
class test_stage {
public:
  test_stage(testkit_base& kit, uint32_t index) : kit_(&kit), index_(index) {}

  /// All jobs that are scheduled and not answered, with those that wait behind others.
  size_t size() const { return kit_->jobs_in(index_); }
  bool empty() const { return size() == 0; }

  /// Those that may be answered now, in the order scheduled; of each key the first one. The
  /// stage's concurrency does not count here.
  std::vector<test_job<Job, Result>> jobs() const {
    std::vector<test_job<Job, Result>> result;
    for (auto& view : kit_->ready_jobs(index_))
      result.emplace_back(*kit_, std::move(view));
    return result;
  }

  /// The keys of `jobs()`.
  std::vector<std::string> keys() const {
    std::vector<std::string> result;
    for (auto& view : kit_->ready_jobs(index_))
      result.push_back(std::move(view.key));
    return result;
  }

  /// The first of `jobs()`, or the one of this key. Throws testkit_error when there is none.
  test_job<Job, Result> next() const { return {*kit_, kit_->ready_job(index_, std::nullopt)}; }
  test_job<Job, Result> next(std::string_view key) const {
    return {*kit_, kit_->ready_job(index_, key)};
  }

  /// From now on `run` and `step` call `f(key, job)` instead of the stage's own processor. For a
  /// handler actor there must be one; when it throws there, the actor has died with the job.
  void answer_with(std::function<caf::expected<Result>(std::string_view, Job&)> f) const {
    kit_->play(index_, [f = std::move(f)](detail::job& j) {
      auto& typed = static_cast<detail::typed_job<Job, Result>&>(j);
      typed.result.emplace(f(j.key, *typed.payload));
    });
  }

private:
  testkit_base* kit_;
  uint32_t index_;
};

template <class Job, class Result>
test_stage<Job, Result> testkit_base::stage(std::string_view name) {
  return {*this, find_stage(name, typeid(detail::typed_job<Job, Result>))};
}

/// A batch under way: it has left, and is executed. A handle, as a test_job is.
template <class Item>
class test_batch {
public:
  test_batch(testkit_base& kit, uint64_t id) : kit_(&kit), id_(id) {}

  /// To look at, and to set errors and user data of, before it is answered.
  batch<Item> items() const { return batch<Item>{kit_->items_of(id_)}; }

  /// Copies of the items' values, in order.
  std::vector<Item> values() const {
    std::vector<Item> result;
    for (auto& each : items())
      result.push_back(each.value);
    return result;
  }

  std::vector<std::string> keys() const {
    std::vector<std::string> result;
    for (auto& each : items())
      result.emplace_back(each.key);
    return result;
  }

  /// It has been executed: well, but for the items whose error was set. Callbacks run before this
  /// returns.
  void answer() const { kit_->batch_executed(id_, {}); }

  /// The executor failed: this is the error of all items that have none.
  void fail(caf::error reason) const { kit_->batch_executed(id_, reason); }

  /// Calls the batcher's own function, or what `answer_with` was given.
  void run() const { kit_->execute_batch(id_); }

private:
  testkit_base* kit_;
  uint64_t id_;
};

/// The batches of one batcher, over all partitions.
template <class Item>
class test_batcher {
public:
  test_batcher(testkit_base& kit, uint32_t index) : kit_(&kit), index_(index) {}

  /// Those under way, in the order they left; they may be answered in any order. With a delay they
  /// leave when it has passed: `testkit::advance`.
  std::vector<test_batch<Item>> batches() const {
    std::vector<test_batch<Item>> result;
    for (auto id : kit_->batches_of(index_))
      result.emplace_back(*kit_, id);
    return result;
  }

  /// The first of them. Throws testkit_error when there is none.
  test_batch<Item> next() const { return {*kit_, kit_->first_batch(index_)}; }

  /// Items that are in no batch yet.
  size_t waiting_items() const { return kit_->state_of_batcher(index_).waiting_items; }

  /// From now on `run` and `step` call `f(batch<Item>&)` instead of the executor; what it throws
  /// fails the batch. For a handler actor there must be one.
  void answer_with(std::function<void(batch<Item>&)> f) const {
    kit_->play_batches(index_, [f = std::move(f)](std::span<detail::batch_entry* const> items) {
      batch<Item> all{items};
      f(all);
    });
  }

private:
  testkit_base* kit_;
  uint32_t index_;
};

template <class Item>
test_batcher<Item> testkit_base::batcher(std::string_view name) {
  return {*this, find_stage(name, typeid(detail::item_set<Item>))};
}

template <class Store>
class testkit : public testkit_base {
public:
  /// Throws testkit_error when the source's settings would not let it start.
  explicit testkit(event_source<Store>& source, const testkit_options& options = {})
    : testkit_base(source.impl(), options) {}

  /// As event_source::interject: runs `f(context<Store>&) -> outcome` before this returns. The
  /// future is ready when it is out, has failed, or was given up.
  template <class Function>
  std::future<caf::error> interject(int32_t partition, Function f) {
    return testkit_base::interject(partition, detail::interjecting<Store>(std::move(f)));
  }

  /// As event_source::interject_all: in every assigned partition; a future for each, in their
  /// order.
  template <class Function>
  std::vector<std::future<caf::error>> interject_all(Function f) {
    std::vector<std::future<caf::error>> result;
    for (auto& each : state().partitions)
      result.push_back(interject(each.partition, f));
    return result;
  }

  /// The store of an assigned partition.
  const Store& store(int32_t partition = 0) const {
    static_assert(!std::same_as<Store, no_store>, "this event_source has no store");
    return *static_cast<const Store*>(store_of(partition));
  }
};

/// Seeds for a test that runs many: 1 to `count`, or KEYLOOM_SEED of the environment alone.
std::vector<uint64_t> test_seeds(uint64_t count);

} // namespace keyloom
