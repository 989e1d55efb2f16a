// Key actors: leased children of a partition actor. Each holds one key of one stage while the key
// has work, then goes back to its partition's pool for another key. Two kinds, by what does the
// work.
//
// A `strand_key` serves blocking functions: it queues runs on a strand that it shares with the
// worker pool. An `asking_key` serves handler actors: one request at a time, in order, as many over
// all keys as the stage's concurrency allows. When the handler actor dies with the job, the job is
// tried once more, at a new instance; a job that bounced off a dead actor's mailbox was never begun
// and does not count as tried.
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"

#include <caf/event_based_actor.hpp>

#include <optional>

namespace keyloom::actors {

struct strand_key_state {
  static inline const char* name = "keyloom.key";

  strand_key_state(caf::event_based_actor* self, services* shared, uint32_t stage);

  caf::behavior make_behavior();

private:
  roll_call::member alive_;
  caf::event_based_actor* self_;
  services* shared_;
  work::strand_ptr strand_;
};

struct asking_key_state {
  static inline const char* name = "keyloom.key";

  asking_key_state(caf::event_based_actor* self, services* shared, uint32_t stage);

  caf::behavior make_behavior();

private:
  /// Times a job may bounce off dead instances before it counts as their victim: an actor that dies
  /// as soon as it is made must not be made for ever.
  static constexpr uint32_t bounce_limit = 1000;

  void go_on();
  void drop();
  void ask();
  void answered(const caf::strong_actor_ptr& by, caf::error reason);
  void finish();
  void fail(caf::error reason);
  bool try_again(const caf::strong_actor_ptr& by, const caf::error& reason);

  roll_call::member alive_;
  caf::event_based_actor* self_;
  services* shared_;
  uint32_t stage_;
  work::concurrency_limit::place place_;
  core::run waiting_;
  core::work_memory_ptr memory_;   ///< of the job under way
  detail::job* current_ = nullptr; ///< under way: sent, or waiting for a place
  uint32_t attempts_ = 0;          ///< of current_, at instances that died with it
  uint32_t bounces_ = 0;           ///< of current_
  bool retiring_ = false;
};

} // namespace keyloom::actors
