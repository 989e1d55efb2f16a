// A batcher actor with an actor system of its own and no partitions: a test sends sets of two
// partitions, whose parts it plays, executes batches of ints by a function of its own or a handler
// actor, and waits for what comes back.
#pragma once

#include "actors/batcher_actor.hpp"
#include "tests/unit/actors/asking_rig.hpp"

#include <keyloom/batcher.hpp>

namespace keyloom::fakes {

/// What came back to a partition: items in the order of their sets.
class finished_sets final : public core::return_port {
public:
  void finished(core::run&& part) override {
    std::lock_guard guard{mutex_};
    while (auto* j = part.take())
      for (auto& each : static_cast<detail::item_set<int>&>(*j).items) {
        values_.push_back(each.value);
        errors_.push_back(each.error);
      }
    changed_.notify_all();
  }

  void call_returned(uint32_t, uint32_t, uint32_t) override {}

  void delivered(std::vector<core::delivery>&&) override {}

  /// All values, once there are so many; fewer when they do not come.
  std::vector<int> wait(size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, std::chrono::seconds{60}, [&] { return values_.size() >= count; });
    return values_;
  }

  std::vector<caf::error> errors() {
    std::lock_guard guard{mutex_};
    return errors_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> values_; // guarded by mutex_, as the next
  std::vector<caf::error> errors_;
};

/// Executes batches when the test says so.
class held_batches {
public:
  /// The executor: the nth batch waits until n were let go.
  caf::error execute(batch<int>& items) {
    std::vector<int> values;
    for (auto& each : items)
      values.push_back(each.value);
    std::unique_lock lock{mutex_};
    begun_.push_back(values);
    changed_.notify_all();
    auto mine = begun_.size();
    changed_.wait(lock, [&] { return let_go_ >= mine; });
    auto refused = refused_.find(values.front());
    if (refused == refused_.end() || refused->second-- <= 0)
      return {};
    if (throws_)
      throw std::runtime_error{"no table"};
    return caf::make_error(errc::processor_failed, "no table");
  }

  /// The next batches that begin with this value fail, so many; by an exception if `throws`.
  void refuse(int value, int times, bool throws = false) {
    std::lock_guard guard{mutex_};
    refused_[value] = times;
    throws_ = throws;
  }

  /// The batches that have begun, once there are so many; fewer when they do not come.
  std::vector<std::vector<int>> wait(size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, std::chrono::seconds{60}, [&] { return begun_.size() >= count; });
    return begun_;
  }

  void let_go(size_t batches) {
    std::lock_guard guard{mutex_};
    let_go_ += batches;
    changed_.notify_all();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<int>> begun_; // guarded by mutex_, as all below
  size_t let_go_ = 0;
  std::map<int, int> refused_;
  bool throws_ = false;
};

class batcher_rig {
public:
  using lists = std::vector<std::vector<int>>;

  struct partition {
    std::shared_ptr<finished_sets> back = std::make_shared<finished_sets>();
    core::work_memory_ptr memory;
    std::shared_ptr<std::atomic<bool>> gone = std::make_shared<std::atomic<bool>>(false);
  };

  /// With `held`, or with a handler actor.
  explicit batcher_rig(const batcher_options& how) {
    auto call = blocking([this](batch<int>& items) { return held.execute(items); });
    define<detail::calling_executor<decltype(call), int>>(how, std::move(call));
  }

  template <class Processor>
  batcher_rig(const batcher_options& how, Processor processor) {
    define<detail::asking_executor<Processor, int>>(how, std::move(processor));
  }

  ~batcher_rig() {
    for (auto& each : partitions)
      if (each.memory != nullptr)
        give_up(each);
    held.let_go(1000);
    end();
    shared.batches->stop();
    if (auto& home = shared.stages[0].handlers)
      home->stop();
    shared.alive.wait();
  }

  /// A set of one partition, with an item for each value.
  void add(partition& of, const std::string& key, const std::vector<int>& values) {
    auto& set = static_cast<detail::item_set<int>&>(of.memory->make_job(0));
    set.origin = &of.memory->make_event();
    set.own_key = key;
    set.key = set.own_key;
    set.key_hash = std::hash<std::string_view>{}(key);
    new_batch_items<int> items{set};
    for (auto each : values)
      items.add(each);
    core::run run;
    run.memory = of.memory;
    run.append(set);
    actors::post(batcher, std::move(run));
  }

  void drain(partition& of) { actors::post(batcher, actors::partition_leaves{of.memory, true}); }

  /// As the partition actor does.
  void give_up(partition& of) {
    of.memory->give_up();
    auto memory = std::exchange(of.memory, nullptr);
    if (batcher)
      actors::post(batcher, actors::partition_leaves{std::move(memory), false});
  }

  /// As a stop, or an exit message from elsewhere.
  void end() {
    if (batcher)
      actors::end(batcher, caf::exit_reason::kill);
    batcher = nullptr;
  }

  uint64_t waiting() const { return shared.stages[0].batches->waiting_items; }

  std::atomic<int> told_source = 0; ///< that the batcher died
  quiet_system with;
  held_batches held;
  log::logger log{log::settings{log::level::off}};
  actors::services shared;
  std::vector<partition> partitions{2};
  caf::actor batcher;

private:
  template <class Executing, class Executor>
  void define(const batcher_options& how, Executor executor) {
    using batcher_type = detail::typed_batcher<no_store, int, Executing, detail::no_callback>;
    auto plan = std::make_shared<core::plan>();
    plan->stages.push_back(std::make_unique<batcher_type>(
      "write", how, Executing{std::move(executor)}, detail::no_callback{}));
    shared.source = plan;
    shared.log = &log;
    shared.stage_meters = std::make_shared<std::vector<core::stage_meter>>(1);
    shared.batches = std::make_unique<work::batch_calls>(std::make_shared<work::thread_set>());
    auto& own = shared.stages.emplace_back();
    own.batches = std::make_shared<core::batcher_meter>();
    own.port = plan->stages[0]->handlers();
    if (own.port != nullptr)
      own.handlers = actors::make_handler_home(
        {with.system, *own.port,
         std::shared_ptr<core::stage_meter>{shared.stage_meters, &shared.meter(0)}, log, "write"});
    for (auto& each : partitions) {
      each.memory = caf::make_counted<core::work_memory>(plan);
      each.memory->returns_to(each.back);
      each.memory->on_gone([gone = each.gone] { *gone = true; });
    }
    auto source = with.system.spawn([this]() -> caf::behavior {
      return {
        [this](const actors::intake_failed& news) { told_source += news.where.topic.empty(); }};
    });
    batcher = with.system.spawn<caf::stateful_actor<actors::batcher_actor_state>>(&shared, 0,
                                                                                  source);
  }
};

} // namespace keyloom::fakes
