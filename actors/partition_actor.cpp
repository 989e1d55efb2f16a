#include "actors/partition_actor.hpp"

#include "actors/asking_key_actor.hpp"
#include "actors/async_actor.hpp"
#include "actors/handler_home.hpp"
#include "actors/key_actor.hpp"
#include "actors/lane_actor.hpp"
#include "actors/partition_names.hpp"
#include "actors/poller.hpp"
#include "actors/send.hpp"
#include "runtime/kafka/producer.hpp"
#include "runtime/work/home_gate.hpp"

#include <caf/stateful_actor.hpp>

#include <random>

namespace keyloom::actors {

namespace {

/// How soon an output is tried again that did not fit into the producer's queue.
constexpr std::chrono::milliseconds retry_interval{5};

core::output_port::verdict verdict_of(kafka::producer::verdict what) {
  switch (what) {
    case kafka::producer::verdict::accepted:
      return core::output_port::verdict::accepted;
    case kafka::producer::verdict::queue_full:
      return core::output_port::verdict::queue_full;
    default:
      return core::output_port::verdict::refused;
  }
}

/// What a cut's records are views into.
struct cut_content {
  core::work_memory_ptr memory;
  std::shared_ptr<const void> changes;
  std::deque<std::vector<header>> headers; ///< of entries
};

/// Packed ones stay packed, as far as none that is not comes before them.
void put(const core::departure& from, transaction_cut& into) {
  if (into.records.empty())
    from.packed_ones().for_each([&](auto& each) { into.packed.push_back(&each); });
  else
    from.packed_ones().for_each([&](auto& each) { into.records.push_back(kafka::view_of(each)); });
  if (from.whole != nullptr)
    for (auto& rec : from.whole->outputs)
      into.records.push_back(kafka::view_of(rec));
}

} // namespace

/// The way back into a partition actor. Results are gathered until the actor comes to them, so that
/// many short runs cost it one message.
class actor_return final : public core::return_port {
public:
  actor_return(caf::actor to, core::work_memory* memory) : to_(std::move(to)), memory_(memory) {}

  void finished(core::run&& part) override {
    core::run news; // without jobs: it only says that there are results, and keeps their memory
    news.memory = std::move(part.memory);
    {
      std::lock_guard guard{mutex_};
      auto told = !results_.empty();
      results_.append(std::move(part));
      if (told)
        return;
    }
    post(to_, std::move(news));
  }

  void sets_wait(std::vector<detail::batch_job*>&& sets) override {
    std::lock_guard guard{mutex_};
    waiting_.insert(waiting_.end(), sets.begin(), sets.end());
  }

  /// Brings all that came. What waits comes before what is over, lest it be over already.
  void bring_to(core::partition& to) {
    std::vector<detail::batch_job*> waiting;
    core::run results;
    {
      std::lock_guard guard{mutex_};
      waiting.swap(waiting_);
      results = std::exchange(results_, core::run{});
    }
    to.sets_wait(waiting);
    to.finished(std::move(results));
  }

  void call_returned(uint32_t stage, uint32_t slot, uint32_t jobs) override {
    post(to_, actors::call_returned{stage, slot, jobs});
  }

  void delivered(std::vector<core::delivery>&& reports) override {
    post(to_, delivery_reports{std::move(reports), core::work_memory_ptr{memory_}});
  }

private:
  caf::actor to_;
  core::work_memory* memory_; // owns this port
  std::mutex mutex_;
  core::run results_; // guarded by mutex_; without a reference to the memory, which owns this port
  std::vector<detail::batch_job*> waiting_; // guarded by mutex_
};

partition_actor_state::partition_actor_state(caf::event_based_actor* self, partition_args args)
  : alive_(args.shared->alive, *self), self_(self), args_(std::move(args)),
    core_(args_.start.where.topic, args_.start.where.partition, args_.start.from.at,
          {args_.shared->source, *args_.shared->totals, *args_.shared->stage_meters, true, true,
           std::random_device{}()},
          *args_.meter, {*this, *this, *this, *this, *this}),
    keys_(args_.shared->source->stages.size()) {
  auto& memory = core_.memory();
  returns_ = std::make_shared<actor_return>(caf::actor_cast<caf::actor>(self), memory.get());
  memory->returns_to(returns_, std::make_shared<work::home_gate>(*memory));
  memory->on_gone([source = args_.source, where = args_.start.where, epoch = args_.epoch] {
    post(source, memory_gone{where, epoch});
  });
}

/// Also when the actor was killed, or died of an exception: then nobody else gives it up.
partition_actor_state::~partition_actor_state() {
  core_.give_up();
  for (auto& stage : args_.shared->stages)
    if (stage.handlers)
      stage.handlers->partition_gone(*core_.memory());
  tell_batchers(false);
  drop_held();
}

/// Of a partition that is given up nothing may wait for an inspector.
void partition_actor_state::drop_held() {
  auto& stages = args_.shared->source->stages;
  for (uint32_t stage = 0; stage < stages.size(); ++stage)
    if (stages[stage]->held_back() != nullptr && stages[stage]->kind() == processor_kind::blocking)
      args_.shared->workers->look_again(stage);
}

caf::behavior partition_actor_state::make_behavior() {
  return {
    [this](const core::record_batch_ptr& batch) {
      core_.take(batch);
      after_message();
    },
    [this](const core::run&) {
      returns_->bring_to(core_);
      after_message();
    },
    [this](const call_returned& news) {
      core_.call_returned(news.stage, news.slot, news.jobs);
      after_message();
    },
    [this](delivery_reports& news) {
      core_.delivered(news.reports);
      after_message();
    },
    [this](tick_atom) {
      ticking_ = false;
      core_.retry_unsent();
      after_message();
    },
    [this](cut_atom, bool bare) { return cut(bare); },
    [this](const transaction_committed& news) {
      core_.committed(news.number);
      after_message();
    },
    [this](chain_over_atom) {
      core_.nothing_commits();
      after_message();
    },
    [this](const transaction_refused& news) {
      core_.refused(news.reason);
      after_message();
    },
    [this](retry_atom) {
      next_retry_.reset();
      core_.retry_due();
      after_message();
    },
    [this](limits_atom) {
      core_.limits_changed();
      tell_children_of_limits();
      after_message();
    },
    [this](interject_atom) {
      armed_.reset();
      core_.tick();
      after_message();
    },
    [this](const ask_interjection& ask) {
      core_.interject(ask.what);
      after_message();
    },
    [this](restore_atom) { core_.begin_restore(); },
    [this](const restored_entries& news) {
      core_.restore(*news.batch);
      args_.meter->restoring_batches.fetch_sub(1);
    },
    [this](const partition_restored& news) {
      log_end_ = news.position;
      core_.restored();
      tell_restored();
      tell(*self_, args_.source, partition_restored{news.where, news.position, args_.epoch});
    },
    [this](progress_atom) { return core_.reached(); },
    [this](open_atom) {
      core_.open();
      after_message();
    },
    [this](drain_atom) {
      draining_ = true;
      core_.begin_drain();
      tell_batchers(true);
      after_message();
    },
    [this](const intake_failed& news) {
      core_.stop(news.reason);
      after_message();
    },
    [this](stall_atom) {
      return partition_stands{core_.oldest_event(), core_.oldest_interjection()};
    },
    [this](view_atom) { return core_.view(); },
    [this](give_up_atom) { return give_up(); },
  };
}

template <class State, class... Args>
caf::actor partition_actor_state::spawn_child(Args&&... args) {
  return self_->spawn<caf::stateful_actor<State>, caf::linked>(std::forward<Args>(args)...);
}

void partition_actor_state::to_lane(uint32_t lane, core::run&& jobs) {
  while (lanes_.size() <= lane)
    lanes_.push_back(spawn_child<lane_state>(args_.shared));
  tell(*self_, lanes_[lane], std::move(jobs));
}

void partition_actor_state::to_key(uint32_t stage, uint32_t slot, core::run&& jobs) {
  if (args_.shared->source->stages[stage]->kind() == processor_kind::actor) {
    to_asking_key(stage, slot, std::move(jobs));
    return;
  }
  auto& keys = keys_[stage];
  if (args_.shared->source->stages[stage]->kind() == processor_kind::async) {
    keys.to_async.append(std::move(jobs));
    return;
  }
  if (keys.by_slot.size() <= slot)
    keys.by_slot.resize(slot + 1);
  auto& key = keys.by_slot[slot];
  if (!key)
    key = lease(stage);
  tell(*self_, key, std::move(jobs));
}

void partition_actor_state::to_batcher(uint32_t stage, core::run&& sets) {
  tell(*self_, args_.shared->stages[stage].batcher, std::move(sets));
}

/// That this partition drains, or, when it does not, that nothing of it must begin any more.
void partition_actor_state::tell_batchers(bool drains) {
  for (auto& stage : args_.shared->stages)
    if (stage.batcher)
      post(stage.batcher, partition_leaves{core_.memory(), drains});
}

/// What is held back may have changed, too.
void partition_actor_state::tell_children_of_limits() {
  for (auto& keys : keys_) {
    if (keys.async)
      tell(*self_, keys.async, limits_atom_v);
    for (auto& key : keys.asking)
      tell(*self_, key.actor, limits_atom_v);
  }
}

void partition_actor_state::to_asking_key(uint32_t stage, uint32_t slot, core::run&& jobs) {
  auto& asking = keys_[stage].asking;
  auto index = slot / asking_key_state::slots;
  while (asking.size() <= index)
    asking.push_back({spawn_child<asking_key_state>(args_.shared, stage, core_.memory()), {}});
  auto& key = asking[index];
  if (key.pending.empty())
    pending_.emplace_back(stage, index);
  key.pending.append(std::move(jobs));
}

void partition_actor_state::send_pending() {
  for (auto [stage, index] : pending_) {
    auto& key = keys_[stage].asking[index];
    tell(*self_, key.actor, std::exchange(key.pending, core::run{}));
  }
  pending_.clear();
}

void partition_actor_state::key_idle(uint32_t stage, uint32_t slot) {
  auto& keys = keys_[stage];
  if (slot < keys.by_slot.size()) // others stay with their slots
    keys.idle.push_back(std::exchange(keys.by_slot[slot], nullptr));
}

caf::actor partition_actor_state::lease(uint32_t stage) {
  auto& idle = keys_[stage].idle;
  if (!idle.empty()) {
    auto result = std::move(idle.back());
    idle.pop_back();
    return result;
  }
  return spawn_child<strand_key_state>(args_.shared, stage);
}

core::output_port::verdict partition_actor_state::produce(core::event& ev,
                                                          const outgoing_record& rec,
                                                          caf::error& reason) {
  auto result = verdict::accepted;
  output one{&ev, &rec};
  produce_all({&one, 1}, result, reason);
  return result;
}

size_t partition_actor_state::produce_all(std::span<const output> outputs, verdict& last,
                                          caf::error& reason) {
  std::vector<kafka::producer::item> items;
  items.reserve(outputs.size());
  for (auto& each : outputs) {
    core_.memory()->ref(); // until the report arrives: delivery_router gives it back
    items.push_back({each.rec, each.ev});
  }
  kafka::producer::produce_result why;
  auto taken = args_.shared->producer->produce(items, why);
  for (auto i = taken; i < items.size(); ++i)
    core_.memory()->deref();
  last = verdict_of(why.what);
  reason = std::move(why.reason);
  return taken;
}

/// The memory keeps the events, and with them what is sent, until nobody needs it any more.
transaction_cut partition_actor_state::cut(bool bare) {
  const auto* next = core_.next_transaction(bare);
  if (next == nullptr)
    return {};
  transaction_cut result{next->number, next->reached, {}, {}, {}, next->events.size()};
  auto& events = next->events;
  result.packed.reserve(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    if (i + 4 < events.size() && events[i + 4].whole != nullptr) // they have waited for long
      core::prefetch(events[i + 4].whole, sizeof(core::event));
    put(events[i], result);
  }
  auto content
    = std::make_shared<cut_content>(cut_content{core_.memory(), core_.kept_changes(), {}});
  auto& cfg = args_.shared->source->config;
  auto entries = entries_.choose(next->changes, !cfg.full_change_log);
  log_end_ += static_cast<int64_t>(entries.size()); // once it is committed
  for (auto& each : entries) {
    auto& headers = content->headers;
    kafka::record_view entry{.topic = cfg.change_log,
                             .key = each.key,
                             .value = each.value.value_or(std::string_view{}),
                             .partition = args_.start.where.partition,
                             .type = each.type};
    if (!each.headers.empty())
      entry.headers = headers.emplace_back(decode_headers(each.headers));
    result.records.push_back(entry);
  }
  result.content = std::move(content);
  result.log_end = log_end_;
  return result;
}

void partition_actor_state::tell_restored() {
  auto done = args_.meter->how_far_restored(now());
  if (done.entries > 0 && !core_.stopped())
    args_.shared->log->info("restored " + name_of(args_.start.where) + ": " + to_string(done));
}

void partition_actor_state::credit_returned() {
  args_.shared->poller->wake();
}

void partition_actor_state::skipped(const caf::error& reason) {
  warn("skipped: " + describe(reason));
}

void partition_actor_state::retrying(const caf::error& reason, uint32_t made,
                                     core::steady_time::duration wait) {
  using std::chrono::milliseconds;
  warn("call " + std::to_string(made) + " failed, the next one in "
       + std::to_string(std::chrono::duration_cast<milliseconds>(wait).count())
       + " ms: " + describe(reason));
}

void partition_actor_state::dead_lettered(const caf::error& reason) {
  warn("to " + args_.shared->source->config.dead_letter_topic + ": " + describe(reason));
}

/// While much fails, lines that differ in numbers only are logged every ten seconds.
void partition_actor_state::warn(const std::string& line) {
  if (auto shown = repeats_.pass(line, now()))
    args_.shared->log->warning(log::component::partition, *shown);
}

void partition_actor_state::stopped(const caf::error& reason) {
  tell_batchers(false);
  tell(*self_, args_.source, partition_stopped{args_.start.where, reason, core_.stops_source()});
}

void partition_actor_state::traced(const std::string& what) {
  args_.shared->log->info("trace of " + name_of(args_.start.where) + ": " + what);
}

void partition_actor_state::after_message() {
  send_pending();
  send_to_async();
  if (core_.has_unsent() && !std::exchange(ticking_, true))
    tell_later(*self_, retry_interval, tick_atom_v);
  tick_for_retries();
  arm_tick();
  if (draining_ && core_.drained())
    tell_drained();
}

/// One tick for all that is parked; another only when something is due earlier.
void partition_actor_state::tick_for_retries() {
  auto due = core_.next_retry();
  if (!due || (next_retry_ && *next_retry_ <= *due))
    return;
  next_retry_ = due;
  tell_later(*self_,
             std::max(*due - std::chrono::steady_clock::now(),
                      std::chrono::steady_clock::duration::zero()),
             retry_atom_v);
}

/// One timer for all interjections. A later one that was set before does no harm.
void partition_actor_state::arm_tick() {
  auto due = core_.next_tick();
  if (!due || (armed_ && *armed_ <= *due))
    return;
  armed_ = due;
  tell_later(*self_, std::max(*due - now(), std::chrono::nanoseconds{0}), interject_atom_v);
}

/// One message for all keys of an asynchronous stage.
void partition_actor_state::send_to_async() {
  for (uint32_t stage = 0; stage < keys_.size(); ++stage) {
    auto& keys = keys_[stage];
    if (keys.to_async.empty())
      continue;
    if (!keys.async)
      keys.async = spawn_child<async_state>(args_.shared, stage);
    tell(*self_, keys.async, std::exchange(keys.to_async, core::run{}));
  }
}

void partition_actor_state::tell_drained() {
  draining_ = false;
  tell(*self_, args_.source, partition_drained{args_.start.where});
}

caf::result<partition_given_up> partition_actor_state::give_up() {
  partition_given_up result{{args_.start.where, core_.reached()}};
  core_.give_up();
  tell_batchers(false);
  drop_held();
  retire_children();
  self_->quit();
  return result;
}

/// Ends lanes and key actors. Some stay until the last of their calls has been answered.
void partition_actor_state::retire_children() {
  for (auto& lane : lanes_)
    tell(*self_, lane, retire_atom_v);
  for (auto& keys : keys_) {
    if (keys.async)
      tell(*self_, keys.async, retire_atom_v);
    for (auto& key : keys.idle)
      tell(*self_, key, retire_atom_v);
    for (auto& key : keys.by_slot)
      if (key)
        tell(*self_, key, retire_atom_v);
    for (auto& key : keys.asking)
      tell(*self_, key.actor, retire_atom_v);
  }
}

} // namespace keyloom::actors
