// The key actor of handler-actor stages. It serves some slots, each for one key while that key has
// work: the key's jobs one at a time, in order, each to an instance that the stage's home gives, as
// many over all keys as the stage's concurrency allows. A child of its partition actor, one for
// `slots` slots of a stage: runs for several keys come in one message, but CAF looks for the
// request of an answer one after the other, so they must not be many.
//
// When the handler actor dies with a job, the job is tried once more, alone: while no other request
// is under way at the instance it is sent to. So it cannot fall victim to a neighbour again, and
// its second death is its own. A job that bounced off a dead actor's mailbox was never begun and
// does not count as tried, nor does a death that a request which took too long may have caused. In
// which order slots wait: for an instance, for their turn there, for a place among the requests;
// who is alone at an instance waits for a place there, all others give their turn away meanwhile.
//
// What a message has brought is told at its end: results to the partition, and before them, so that
// the last result finds it true, how many requests are under way to the stage's meter.
//
// It holds its partition's memory as long as it lives. When it is retired it begins nothing more,
// and lives on until the last answer has come: until then a later assignment of the partition does
// not open (I3).
#pragma once

#include "actors/handler_home.hpp"
#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "runtime/core/deadline_queue.hpp"

#include <keyloom/detail/actor_port.hpp>

#include <caf/event_based_actor.hpp>

#include <array>
#include <set>

namespace keyloom::actors {

class asking_key_state : detail::answer_port {
public:
  static inline const char* name = "keyloom.key";
  static constexpr uint32_t slots = 32;

  asking_key_state(caf::event_based_actor* self, services* shared, uint32_t stage,
                   core::work_memory_ptr memory);
  ~asking_key_state() override;

  caf::behavior make_behavior();

private:
  /// Times a job may bounce off dead instances, or be excused, before it counts as their victim: an
  /// actor that dies as soon as it is made must not be made for ever.
  static constexpr uint32_t bounce_limit = 1000;

  struct slot : core::deadline_queue::entry {
    slot(handler_home& home, work::concurrency_limit& requests, std::function<void()> woken)
      : seat(home.new_seat(woken)), place(requests, std::move(woken)) {}

    std::unique_ptr<handler_seat> seat;
    work::concurrency_limit::place place;
    core::run waiting;
    detail::job* current = nullptr; ///< sent, or next to be
    caf::strong_actor_ptr instance;
    uint64_t call = 0;                             ///< the number of the request under way; 0: none
    std::chrono::steady_clock::time_point began{}; ///< of that request
    uint32_t attempts = 0;                         ///< of current, at instances that died with it
    uint32_t bounces = 0; ///< of current, and deaths it is not to blame for
  };

  // -- detail::answer_port -----------------------------------------------------------------------
  detail::job* waiting(uint64_t call) override;
  void answered(uint64_t call, caf::error reason) override;

  slot& slot_of(uint64_t number);
  void take(core::run jobs);
  void go_on(slot& which);
  bool is_held(const slot& which) const;
  void look_at_held();
  bool has_instance(slot& which, caf::error& reason);
  bool has_place(slot& which);
  void ask(slot& which);
  uint64_t begin_call(slot& which);
  slot& end_call(uint64_t call);
  void after_message();
  void report();
  void judge(slot& which, caf::error reason);
  void probe(slot& which, caf::error reason);
  void try_again(slot& which, bool bounced, const caf::error& reason);
  void fail(slot& which, caf::error reason);
  void finish(slot& which);
  void drop(slot& which);
  void retire();
  void expire();
  void tick_when_due();
  void look_again_later();
  void look_again();
  void lost(const caf::down_msg& down);

  roll_call::member alive_;
  caf::event_based_actor* self_;
  services* shared_;
  uint32_t stage_;
  core::work_memory_ptr memory_;
  std::array<std::unique_ptr<slot>, slots> slots_;
  uint64_t calls_ = 0;                  ///< requests sent so far
  int64_t under_way_ = 0;               ///< requests without an answer
  int64_t shown_running_ = 0;           ///< of them, in the stage's meter
  core::run done_;                      ///< by the message being worked on
  std::set<caf::actor_addr> monitored_; ///< where requests may get lost
  core::deadline_queue deadlines_;
  bool ticking_ = false;
  bool looking_again_ = false;
  bool retiring_ = false;
};

} // namespace keyloom::actors
