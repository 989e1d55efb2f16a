// The home of handler actors that each belong to one key of one partition. An instance keeps its
// state while its key comes and goes; when `instances` of them are alive and another key needs one,
// the one that has been without work for longest is ended, and the key waits until it is gone, so
// that there are never more. Keys wait in line, first come, first served; an instance whose key has
// work is never ended for another's sake. A key without memory gets an instance for its job alone.
//
// An instance that is told to end and is still there after `grace`, because it handles exit
// messages itself, is killed. One that is still there after another, because it does not return
// from what it does, gives its place away, which the log says: keys that wait must not starve for
// it. Then there is one more than there should be until it returns. Any thread.
#pragma once

#include "actors/spawning_home.hpp"
#include "runtime/core/key_table.hpp"

#include <chrono>
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
    std::list<tenant*>::iterator place; ///< in `idle_` or `departing_`, valid while it is in one
    std::chrono::steady_clock::time_point due{}; ///< of its departure
    uint32_t users = 0;                          ///< seats that hold it
    work::company company;                       ///< of any thread
    bool keyed = true;
    bool leaving = false;     ///< not to be found any more: dead, or told to end
    bool killed = false;      ///< leaving, and late
    bool written_off = false; ///< killed, and late again: in `departing_` no more
    bool gone = false;        ///< CAF has ended it
  };

  // All under the lock.
  bool has_room() const { return alive_ - written_off_ + promised_ < limit_; }
  tenant* find(const handler_seat::owner& who);
  caf::expected<tenant*> move_in(const handler_seat::owner& who);
  void move_out(tenant& who);
  void released(tenant& who);
  void make_room();
  void see_off();
  void serve_line();
  void ended(caf::actor_id instance) override;
  std::vector<caf::strong_actor_ptr> instances() const override;

  uint32_t limit_;
  std::unordered_map<caf::actor_id, tenant> tenants_; // guarded by mutex_, as all below
  core::key_table<tenant> by_key_;                    ///< those that are not leaving
  std::list<tenant*> idle_;                           ///< without a user, the longest so first
  std::list<tenant*> departing_;                      ///< told to end and not gone, as they are due
  std::list<seat*> line_;                             ///< wait for room
  uint32_t written_off_ = 0;                          ///< of those alive, not counted any more
  uint32_t promised_ = 0; ///< seats that were called out of the line and have not come
};

} // namespace keyloom::actors
