// The batcher actor: one for each batcher of a source, over all partitions and keys. core::batcher
// decides what is executed when; this brings it sets from the partitions, time, and an executor: a
// worker's thread for a blocking function, or a handler actor (`batch_asking`). At the end of each
// message it lets leave what leaves, and gives each partition its finished sets in one message.
//
// It lives as long as the source. Should it die all the same, its sets would never come back: so it
// tells the source actor, which ends the source with an error.
#pragma once

#include "actors/batch_asking.hpp"
#include "actors/messages.hpp"
#include "runtime/core/repeat_filter.hpp"
#include "runtime/work/batch_calls.hpp"

namespace keyloom::actors {

struct batcher_actor_state {
  static inline const char* name = "keyloom.batcher";

  batcher_actor_state(caf::event_based_actor* self, services* shared, uint32_t stage,
                      caf::actor source);
  ~batcher_actor_state();

  caf::behavior make_behavior();

private:
  static core::steady_time now() { return std::chrono::steady_clock::now(); }

  core::batcher::trying trying();
  void after_message();
  void take_executed();
  bool held_back() const;
  void let_leave();
  void show();
  void tick_when_due();

  roll_call::member alive_;
  caf::event_based_actor* self_;
  services* shared_;
  uint32_t stage_;
  caf::actor source_;
  detail::batcher_base& definition_;
  core::repeat_filter repeats_;
  std::unique_ptr<core::batcher> core_;
  std::shared_ptr<work::batch_inbox> inbox_;
  std::unique_ptr<batch_asking> asking_; ///< null with a blocking function
  std::optional<core::steady_time> tick_at_;
  bool looking_again_ = false;
};

} // namespace keyloom::actors
