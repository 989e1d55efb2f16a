// The home of handler actors that each belong to one key of one partition. An instance keeps its
// state while its key comes and goes; when `instances` of them are alive and another key needs one,
// the one that has been without work for longest is ended, and the key waits until it is gone, so
// that there are never more. Keys wait in line, first come, first served; an instance whose key has
// work is never ended for another's sake. A key without memory gets an instance for its job alone.
// Any thread.
#pragma once

#include "actors/spawning_home.hpp"
#include "runtime/core/key_table.hpp"

#include <list>
#include <unordered_map>

namespace keyloom::actors {

class per_key_home final : public spawning_home {
public:
  explicit per_key_home(home_services with)
    : spawning_home(std::move(with)), limit_(with_.port.layout().instances) {}

  std::unique_ptr<handler_seat> new_seat(std::function<void()> woken) override;
  void partition_gone(const core::work_memory& memory) override;

private:
  class seat;

  struct tenant {
    std::string key;
    uint64_t hash = 0; ///< of key and partition, so that keys of partitions stay apart
    const core::work_memory* memory = nullptr;
    caf::strong_actor_ptr actor;
    std::list<tenant*>::iterator idle; ///< valid while it has no user and is not leaving
    uint32_t users = 0;                ///< seats that hold it
    bool keyed = true;
    bool leaving = false; ///< not to be found any more: dead, or told to end
    bool gone = false;    ///< CAF has ended it
  };

  // All under the lock.
  tenant* find(const handler_seat::owner& who);
  caf::expected<tenant*> move_in(const handler_seat::owner& who);
  void move_out(tenant& who);
  void released(tenant& who);
  void make_room();
  void serve_line();
  void ended(caf::actor_id instance) override;
  std::vector<caf::strong_actor_ptr> instances() const override;

  uint32_t limit_;
  std::unordered_map<caf::actor_id, tenant> tenants_; // guarded by mutex_, as all below
  core::key_table<tenant> by_key_;                    ///< those that are not leaving
  std::list<tenant*> idle_;                           ///< without a user, the longest so first
  std::list<seat*> line_;                             ///< wait for room
  uint32_t leaving_ = 0;                              ///< told to end and not gone
  uint32_t promised_ = 0; ///< seats that were called out of the line and have not come
};

} // namespace keyloom::actors
