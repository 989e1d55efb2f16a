#include "actors/batcher_actor.hpp"

#include "actors/send.hpp"

#include <random>

namespace keyloom::actors {

batcher_actor_state::batcher_actor_state(caf::event_based_actor* self, services* shared,
                                         uint32_t stage, caf::actor source)
  : alive_(shared->alive, *self), self_(self), shared_(shared), stage_(stage),
    source_(std::move(source)),
    definition_(static_cast<detail::batcher_base&>(*shared->source->stages[stage])),
    core_(std::make_unique<core::batcher>(definition_.options(), trying())),
    inbox_(std::make_shared<work::batch_inbox>(
      [me = caf::actor_cast<caf::actor>(self)] { post(me, wake_atom_v); })) {
  if (definition_.handlers() != nullptr)
    asking_ = std::make_unique<batch_asking>(
      self, shared, stage,
      [me = caf::actor_cast<caf::actor>(self)](uint32_t number) { post(me, woken_atom_v, number); },
      [inbox = inbox_](core::batch& executed) { inbox->put(executed); });
  self->set_down_handler([this](const caf::down_msg& down) {
    if (asking_)
      asking_->lost(down);
  });
}

batcher_actor_state::~batcher_actor_state() {
  asking_ = nullptr;
  inbox_->close(std::move(core_));
  post(source_, intake_failed{{},
                              caf::make_error(errc::partition_stopped,
                                              "the actor of batcher '" + definition_.name()
                                                + "' died; it was ended from outside, or memory "
                                                  "ran out, or it is a bug")});
}

core::batcher::trying batcher_actor_state::trying() {
  return {shared_->source->retry_of(stage_), std::random_device{}(),
          [this](const std::string& what, const caf::error& reason) {
            auto line = "batcher '" + definition_.name() + "', " + what + ": " + describe(reason);
            if (auto shown = repeats_.pass(line, now()))
              shared_->log->warning(log::component::batcher, *shown);
          }};
}

caf::behavior batcher_actor_state::make_behavior() {
  return {
    [this](const core::run& sets) {
      core_->add(core::run{sets}, now());
      after_message();
    },
    [this](wake_atom) { after_message(); },
    [this](limits_atom) { after_message(); },
    [this](tick_atom) {
      if (tick_at_ && *tick_at_ <= now())
        tick_at_.reset();
      after_message();
    },
    [this](woken_atom, uint32_t number) {
      asking_->go_on(number);
      after_message();
    },
    [this](retry_atom) {
      looking_again_ = false;
      asking_->look_again();
      after_message();
    },
    [this](const partition_leaves& news) {
      if (news.drains)
        core_->hurry(*news.memory);
      else
        core_->drop(*news.memory, now());
      after_message();
    },
  };
}

void batcher_actor_state::after_message() {
  take_executed();
  let_leave();
  show();
  for (auto& news : core_->take_news()) {
    auto memory = news.done.memory;
    memory->back().sets_wait(std::move(news.waiting));
    memory->back().finished(std::move(news.done));
  }
  tick_when_due();
}

void batcher_actor_state::take_executed() {
  auto& meter = *shared_->stages[stage_].batches;
  for (auto* each : inbox_->take()) {
    meter.sizes.record(static_cast<int64_t>(each->items.size()));
    meter.took.record(now() - each->left);
    core_->executed(*each, now());
  }
}

/// By an inspector, who tells when it goes on.
bool batcher_actor_state::held_back() const {
  auto held = definition_.held_back();
  return held != nullptr && held->stage;
}

void batcher_actor_state::let_leave() {
  if (held_back())
    return;
  for (auto* leaving = core_->next(now()); leaving != nullptr; leaving = core_->next(now()))
    if (asking_)
      asking_->call(*leaving);
    else
      shared_->batches->call(definition_, *leaving, inbox_);
}

void batcher_actor_state::show() {
  auto& meter = *shared_->stages[stage_].batches;
  meter.running.store(core_->running(), std::memory_order_relaxed);
  meter.waiting_items.store(core_->waiting_items(), std::memory_order_relaxed);
  meter.batches.store(core_->batches(), std::memory_order_relaxed);
  meter.items.store(core_->items(), std::memory_order_relaxed);
  meter.largest.store(core_->largest(), std::memory_order_relaxed);
  meter.retries.store(core_->retries(), std::memory_order_relaxed);
  meter.parked.store(core_->parked_items(), std::memory_order_relaxed);
}

void batcher_actor_state::tick_when_due() {
  if (asking_ && asking_->waits() && !std::exchange(looking_again_, true))
    tell_later(*self_, handler_home::grace, retry_atom_v);
  auto due = held_back() ? std::nullopt : core_->next_deadline();
  if (!due || (tick_at_ && *tick_at_ <= *due))
    return; // a tick that comes earlier than it need be looks, and ticks again
  tick_at_ = due;
  tell_later(*self_, std::max(*due - now(), core::steady_time::duration::zero()), tick_atom_v);
}

} // namespace keyloom::actors
