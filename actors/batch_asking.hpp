// Executes a batcher's batches with a handler actor: sends each as one request, to an instance that
// the batcher's home gives, and takes the answer. A part of the batcher actor, which says when and
// hears what became of a batch.
//
// An actor that dies with a batch fails the items of it, and of no other; the home makes another
// one for the next batch. A batch that found its instance dead was not begun: it is sent to the
// next. One thread: the batcher actor's.
#pragma once

#include "actors/handler_home.hpp"
#include "actors/services.hpp"
#include "runtime/core/batcher.hpp"

#include <keyloom/detail/actor_port.hpp>

#include <caf/actor_addr.hpp>
#include <caf/event_based_actor.hpp>

#include <deque>
#include <set>

namespace keyloom::actors {

class batch_asking : detail::answer_port {
public:
  /// `woken(number)` is called, from any thread, when `go_on` should be told this number;
  /// `executed` here, with a batch that has its results.
  batch_asking(caf::event_based_actor* self, services* shared, uint32_t stage,
               std::function<void(uint32_t)> woken, std::function<void(core::batch&)> executed);
  ~batch_asking() override;

  /// Sends a batch, now or when there is an instance.
  void call(core::batch& items);

  /// The instance that this number waited for may be there.
  void go_on(uint32_t number);

  /// Looks for instances, where one is waited for: a home has no clock.
  void look_again();
  bool waits() const;

  /// An instance is gone whose requests may have been lost on the way.
  void lost(const caf::down_msg& down);

private:
  /// Times a batch may find its instance dead before it fails: an actor that dies as soon as it is
  /// made must not be made for ever.
  static constexpr uint32_t bounce_limit = 1000;

  struct slot {
    uint32_t number = 0;
    std::unique_ptr<handler_seat> seat;
    core::batch* items = nullptr; ///< null: free
    std::unique_ptr<detail::job> request;
    caf::strong_actor_ptr instance;
    uint64_t call = 0; ///< the number of the request under way; 0: none
    uint32_t bounces = 0;
  };

  // -- detail::answer_port -----------------------------------------------------------------------
  detail::job* waiting(uint64_t call) override;
  void answered(uint64_t call, caf::error reason) override;

  slot& free_slot();
  slot* slot_of(uint64_t call);
  void ask(slot& which);
  void end(slot& which, const caf::error& reason);
  caf::error explained(const caf::error& reason) const;

  caf::event_based_actor* self_;
  services* shared_;
  uint32_t stage_;
  detail::batcher_base& definition_;
  std::function<void(uint32_t)> woken_;
  std::function<void(core::batch&)> executed_;
  std::deque<slot> slots_;
  uint64_t calls_ = 0;
  std::set<caf::actor_addr> monitored_; ///< where requests may get lost
};

} // namespace keyloom::actors
