// The partition actor: brings messages to core::partition and takes what it decides to key actors,
// producer and source. One per assignment; it ends when the partition is given up. Children: two
// lanes for compute stages, the key actors it leases for blocking ones, and those that ask handler
// actors, each for some slots. Runs for the latter leave at the end of a message, in one for each.
//
// Children are linked to it: should one of them die, by an exception or because somebody ended it,
// the partition dies as well, because the jobs the child held would never come back. Its death,
// whatever the cause, gives the partition up and retires the other children, and the source stops
// the partition as if it had failed.
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "runtime/core/repeat_filter.hpp"

#include <caf/event_based_actor.hpp>

namespace keyloom::actors {

class actor_return;

/// What an assignment is made of.
struct partition_args {
  partition_start start;
  std::shared_ptr<core::partition_meter> meter;
  caf::actor source;
  uint64_t epoch = 0; ///< of the assignment, for memory_gone
  services* shared = nullptr;
};

struct partition_actor_state : core::run_port,
                               core::output_port,
                               core::intake_port,
                               core::incident_port,
                               core::clock_port {
  static inline const char* name = "keyloom.partition";

  partition_actor_state(caf::event_based_actor* self, partition_args args);
  ~partition_actor_state() override;

  caf::behavior make_behavior();

  // -- ports of the core -------------------------------------------------------------------------
  void to_lane(uint32_t lane, core::run&& jobs) override;
  void to_key(uint32_t stage, uint32_t slot, core::run&& jobs) override;
  void to_batcher(uint32_t stage, core::run&& sets) override;
  void key_idle(uint32_t stage, uint32_t slot) override;
  output_port::verdict produce(core::event& ev, const outgoing_record& rec,
                               caf::error& reason) override;
  size_t produce_all(std::span<const output> outputs, verdict& last, caf::error& reason) override;
  void credit_returned() override;
  void skipped(const caf::error& reason) override;
  void retrying(const caf::error& reason, uint32_t made, core::steady_time::duration wait) override;
  void dead_lettered(const caf::error& reason) override;
  void stopped(const caf::error& reason) override;
  void traced(const std::string& what) override;
  core::steady_time now() const override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point wall_now() const override {
    return std::chrono::system_clock::now();
  }

private:
  struct asking_key {
    caf::actor actor;
    core::run pending; ///< since the last message
  };

  struct key_actors {
    std::vector<caf::actor> by_slot; ///< leased
    std::vector<caf::actor> idle;
    std::vector<asking_key> asking;
    caf::actor async;   ///< of an asynchronous stage, instead of leased key actors
    core::run to_async; ///< what this message has for it
  };

  caf::actor lease(uint32_t stage);
  void to_asking_key(uint32_t stage, uint32_t slot, core::run&& jobs);
  void tell_batchers(bool drains);
  void tell_children_of_limits();
  void drop_held();
  void send_pending();
  transaction_cut cut(bool bare);
  void tell_restored();
  void after_message();
  void send_to_async();
  void arm_tick();
  void tell_drained();
  void warn(const std::string& line);
  void tick_for_retries();
  template <class State, class... Args>
  caf::actor spawn_child(Args&&... args);
  caf::result<partition_given_up> give_up();
  void retire_children();

  roll_call::member alive_;
  caf::event_based_actor* self_;
  partition_args args_;
  core::partition core_;
  std::shared_ptr<actor_return> returns_;
  std::vector<caf::actor> lanes_;
  std::vector<key_actors> keys_;                       // by stage
  std::vector<std::pair<uint32_t, uint32_t>> pending_; ///< stage and index of asking keys
  bool draining_ = false;
  core::entry_chooser entries_;
  int64_t log_end_ = -1; ///< the change log ends here or later when what was cut is in; -1: none
  bool ticking_ = false;
  std::optional<core::steady_time> next_retry_; ///< a tick is under way for then
  core::repeat_filter repeats_;
  std::optional<core::steady_time> armed_; ///< when the next interject_atom comes
};

} // namespace keyloom::actors
