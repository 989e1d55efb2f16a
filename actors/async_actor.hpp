// The actor that makes the calls of one partition's asynchronous stage. Unlike leased key actors it
// holds all keys of the partition: a call needs no thread while it is under way, so an actor a key
// would only cost a message a record. Jobs come a batch at a time, answers come through a
// `call_inbox` that wakes it once for all that has arrived, and what has ended goes back to the
// partition as one run.
//
// core::key_calls decides; this brings time, places and the user's function. The function is called
// here, on one of CAF's threads, which is why it must not block.
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "runtime/core/key_calls.hpp"
#include "runtime/work/call_inbox.hpp"

#include <caf/event_based_actor.hpp>

namespace keyloom::actors {

struct async_state : core::call_port, core::clock_port {
  static inline const char* name = "keyloom.async";

  async_state(caf::event_based_actor* self, services* shared, uint32_t stage);
  ~async_state() override;

  caf::behavior make_behavior();

  // -- ports of the core -------------------------------------------------------------------------
  bool acquire_place() override;
  void release_place() override;
  caf::error begin(std::unique_ptr<detail::job> call) override;
  core::steady_time now() const override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point wall_now() const override {
    return std::chrono::system_clock::now();
  }

private:
  using place_ptr = std::unique_ptr<work::concurrency_limit::place>;

  void retire();
  void work();
  bool take_answers();
  void come_back();
  void give_kept_places_back();
  void report();
  void tick_when_due();
  void leave_line();

  roll_call::member alive_;
  caf::event_based_actor* self_;
  services* shared_;
  uint32_t stage_;
  detail::stage_base& definition_;
  work::call_inbox_ptr inbox_;
  place_ptr next_place_;         ///< may be in line, then `in_line_`
  std::vector<place_ptr> held_;  ///< by calls under way
  std::vector<place_ptr> kept_;  ///< held for the next calls
  std::vector<place_ptr> spare_; ///< not held
  core::key_calls calls_;
  core::work_memory_ptr memory_; ///< keeps the way back
  int64_t shown_running_ = 0;    ///< in the stage's meter
  bool in_line_ = false;
  bool coming_back_ = false;
  bool ticking_ = false;
  bool retiring_ = false;
};

} // namespace keyloom::actors
