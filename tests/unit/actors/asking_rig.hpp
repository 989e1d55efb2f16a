// Asking key actors with an actor system of their own and no partition: a test sends jobs of keys
// and waits for what comes back.
#pragma once

#include "actors/asking_key_actor.hpp"
#include "actors/send.hpp"

#include <keyloom/handler_actor.hpp>
#include <keyloom/stage.hpp>

#include <caf/actor_ostream.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/make_counted.hpp>

#include <condition_variable>
#include <map>
#include <optional>
#include <thread>

namespace keyloom::fakes {

/// What came back: jobs in the order they were finished.
template <class Result>
class finished_jobs final : public core::return_port {
public:
  struct entry {
    std::string key;
    int job;
    caf::expected<Result> result;
  };

  void finished(core::run&& part) override {
    std::lock_guard guard{mutex_};
    while (auto* j = part.take()) {
      auto& typed = static_cast<detail::typed_job<int, Result>&>(*j);
      entries_.push_back({std::string{j->key}, *typed.payload, std::move(*typed.result)});
    }
    changed_.notify_all();
  }

  void call_returned(uint32_t, uint32_t, uint32_t) override {}

  void delivered(std::vector<core::delivery>&&) override {}

  /// All results, once there are so many; fewer when they do not come.
  std::vector<entry> wait(size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, std::chrono::seconds{60}, [&] { return entries_.size() >= count; });
    return entries_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<entry> entries_; // guarded by mutex_
};

/// Waits until `f` is true; false when that does not come.
template <class Predicate>
bool soon(Predicate f) {
  for (auto end = std::chrono::steady_clock::now() + std::chrono::seconds{60};
       std::chrono::steady_clock::now() < end; std::this_thread::yield())
    if (f())
      return true;
  return false;
}

/// CAF's complaints about actors that throw on purpose go nowhere.
class quiet_system {
public:
  quiet_system() : system{cfg_} { caf::actor_ostream::redirect_all(system, "/dev/null"); }

private:
  caf::actor_system_config cfg_;

public:
  caf::actor_system system;
};

template <class Result>
class asking_rig {
public:
  template <class Processor>
  asking_rig(caf::actor_system& system, Processor processor, uint32_t concurrency = 1000,
             std::chrono::milliseconds timeout = {}) {
    using bound = typename Processor::template bound<int, Result>;
    using stage_type = detail::typed_stage<no_store, int, Result, bound, detail::no_finalizer>;
    auto plan = std::make_shared<core::plan>();
    plan->stages.push_back(std::make_unique<stage_type>(
      "ask", stage_options{.limits = {.concurrency = concurrency}, .timeout = timeout},
      bound{std::move(processor)}, detail::no_finalizer{}));
    fill_ = &stage_type::fill;
    shared.source = plan;
    shared.log = &log;
    shared.stage_meters = std::make_shared<std::vector<core::stage_meter>>(1);
    auto& own = shared.stages.emplace_back();
    own.port = plan->stages[0]->handlers();
    own.handlers = actors::make_handler_home(
      {system, *own.port, std::shared_ptr<core::stage_meter>{shared.stage_meters, &meter()}, log,
       "ask"});
    own.requests = std::make_unique<work::concurrency_limit>(concurrency);
    memory = caf::make_counted<core::work_memory>(plan);
    memory->returns_to(results);
    key_actor_ = system.spawn<caf::stateful_actor<actors::asking_key_state>>(&shared, 0, memory);
  }

  ~asking_rig() {
    give_up();
    shared.stages[0].handlers->stop();
    if (key_actor_)
      actors::end(key_actor_, caf::exit_reason::kill);
    key_actor_ = nullptr;
    shared.alive.wait();
  }

  /// Jobs of a key, as one run.
  void send(const std::string& key, const std::vector<int>& jobs) {
    core::run run;
    for (auto number : jobs)
      append(run, key, number).slot
        = slots_.try_emplace(key, static_cast<uint32_t>(slots_.size())).first->second;
    send(std::move(run));
  }

  /// Jobs 0, 1, .. of these keys, one after the other, as in a stage in mode by_partition.
  void send_in_order(const std::vector<std::optional<std::string>>& keys) {
    core::run run;
    for (auto& key : keys)
      append(run, key, static_cast<int>(run.count));
    send(std::move(run));
  }

  /// As the partition actor does.
  void give_up() {
    memory->give_up();
    shared.stages[0].handlers->partition_gone(*memory);
    if (key_actor_)
      actors::post(key_actor_, actors::retire_atom_v);
  }

  std::vector<typename finished_jobs<Result>::entry> wait(size_t count) {
    return results->wait(count);
  }

  core::stage_meter& meter() { return shared.meter(0); }
  actors::handler_home& home() { return *shared.stages[0].handlers; }

  log::logger log{log::settings{log::level::off}};
  actors::services shared;
  core::work_memory_ptr memory;
  std::shared_ptr<finished_jobs<Result>> results = std::make_shared<finished_jobs<Result>>();

private:
  detail::job& append(core::run& run, const std::optional<std::string>& key, int number) {
    auto& j = memory->make_job(0);
    if (key) {
      j.own_key = *key;
      j.key = j.own_key;
    }
    j.key_hash = std::hash<std::string_view>{}(j.key);
    fill_(j, int{number});
    run.append(j);
    return j;
  }

  void send(core::run&& run) {
    run.memory = memory;
    actors::post(key_actor_, std::move(run));
  }

  void (*fill_)(detail::job&, int&&) = nullptr;
  std::map<std::string, uint32_t> slots_;
  caf::actor key_actor_;
};

} // namespace keyloom::fakes
