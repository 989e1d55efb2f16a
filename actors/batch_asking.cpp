#include "actors/batch_asking.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>

#include <algorithm>

namespace keyloom::actors {

batch_asking::batch_asking(caf::event_based_actor* self, services* shared, uint32_t stage,
                           std::function<void(uint32_t)> woken,
                           std::function<void(core::batch&)> executed)
  : self_(self), shared_(shared), stage_(stage),
    definition_(static_cast<detail::batcher_base&>(*shared->source->stages[stage])),
    woken_(std::move(woken)), executed_(std::move(executed)) {
  // nop
}

/// With requests under way, at a stop.
batch_asking::~batch_asking() {
  for (auto& each : slots_)
    if (each.call != 0)
      each.seat->abandon();
}

void batch_asking::call(core::batch& items) {
  auto& which = free_slot();
  which.items = &items;
  which.bounces = 0;
  try {
    which.request = definition_.make_request(items.items);
  } catch (...) {
    end(which, core::what_was_thrown("copying the items for the handler actor"));
    return;
  }
  ask(which);
}

batch_asking::slot& batch_asking::free_slot() {
  auto free = std::ranges::find(slots_, nullptr, &slot::items);
  if (free != slots_.end())
    return *free;
  auto& fresh = slots_.emplace_back();
  fresh.number = static_cast<uint32_t>(slots_.size() - 1);
  fresh.seat = shared_->stages[stage_].handlers->new_seat(
    [woken = woken_, number = fresh.number] { woken(number); });
  return fresh;
}

void batch_asking::go_on(uint32_t number) {
  if (auto& which = slots_[number]; which.items != nullptr && which.call == 0)
    ask(which);
}

void batch_asking::look_again() {
  for (auto& each : slots_)
    go_on(each.number);
}

bool batch_asking::waits() const {
  return std::ranges::any_of(slots_, [](const slot& each) {
    return each.items != nullptr && each.call == 0;
  });
}

/// Sends the request when there is an instance; otherwise the seat is in line for one.
void batch_asking::ask(slot& which) {
  auto& own = shared_->stages[stage_];
  auto& first = *which.items->items.front();
  auto given
    = which.seat->take({*first.set->origin->memory, {}, 0, work::company::manner::among_others});
  which.instance = std::move(given.instance);
  if (which.instance == nullptr) {
    if (given.reason)
      end(which, given.reason);
    return;
  }
  which.call = ++calls_;
  try {
    own.port->ask(*self_, which.instance, *which.request, which.call, *this);
  } catch (...) {
    end(which, core::what_was_thrown("copying the items for the handler actor"));
    return;
  }
  if (own.handlers->loses_requests()
      && monitored_.insert(caf::actor_cast<caf::actor_addr>(which.instance)).second)
    self_->monitor(which.instance);
}

batch_asking::slot* batch_asking::slot_of(uint64_t call) {
  auto found = std::ranges::find(slots_, call, &slot::call);
  return found == slots_.end() ? nullptr : &*found;
}

detail::job* batch_asking::waiting(uint64_t call) {
  auto* which = slot_of(call);
  return which == nullptr ? nullptr : which->request.get();
}

void batch_asking::answered(uint64_t call, caf::error reason) {
  auto& which = *slot_of(call);
  which.call = 0;
  if (reason == caf::sec::request_receiver_down && ++which.bounces < bounce_limit) {
    which.seat->lost_instance();
    which.seat->pause();
    ask(which);
    return;
  }
  if (!reason)
    reason = definition_.take_answer(*which.request, which.items->items);
  end(which, reason);
}

void batch_asking::end(slot& which, const caf::error& reason) {
  if (reason)
    core::fail(*which.items, explained(reason));
  which.call = 0;
  which.request = nullptr;
  which.instance = nullptr;
  which.seat->leave();
  executed_(*std::exchange(which.items, nullptr));
}

caf::error batch_asking::explained(const caf::error& reason) const {
  if (reason == caf::sec::unexpected_response || reason == caf::sec::unexpected_message)
    return caf::make_error(errc::wrong_result_type,
                           "the handler actor of batcher '" + definition_.name()
                             + "' does not take (std::string, std::vector<Item>), or does not "
                               "answer keyloom::batch_errors: "
                             + to_string(reason));
  auto died = reason == caf::sec::broken_promise || reason == caf::sec::runtime_error
              || reason == caf::sec::request_receiver_down
              || reason.category() == caf::type_id_v<caf::exit_reason>;
  if (!died)
    return reason; // its own answer
  return caf::make_error(errc::handler_actor_died,
                         "the handler actor of batcher '" + definition_.name()
                           + "' died, or dropped its response promise, while it held the batch: "
                           + to_string(reason));
}

void batch_asking::lost(const caf::down_msg& down) {
  monitored_.erase(down.source);
  for (auto& each : slots_)
    if (each.call != 0 && each.instance != nullptr && each.instance->address() == down.source) {
      each.seat->lost_instance();
      answered(each.call,
               caf::make_error(errc::no_handler_actor,
                               "the handler actor" + shared_->stages[stage_].handlers->place()
                                 + " ended, or the connection to it was cut, before it answered: "
                                 + to_string(down.reason)));
    }
}

} // namespace keyloom::actors
