// The home of a pool of handler actors; of one, when the actor is shared. A key keeps to one of
// them while it has work: to the one with the fewest keys. They are made when first needed, and
// again when they have died. Any thread.
#pragma once

#include "actors/spawning_home.hpp"

namespace keyloom::actors {

class pool_home final : public spawning_home {
public:
  explicit pool_home(home_services with)
    : spawning_home(std::move(with)), cells_(with_.port.layout().instances) {}

  std::unique_ptr<handler_seat> new_seat(std::function<void()> woken) override;

private:
  class seat;

  struct cell {
    caf::strong_actor_ptr actor; ///< null: not made yet, or dead
    uint32_t keys = 0;
    work::company company; ///< of any thread
  };

  cell& least_busy();
  void ended(caf::actor_id instance) override;
  std::vector<caf::strong_actor_ptr> instances() const override;

  std::vector<cell> cells_; // guarded by mutex_, as all below
  size_t next_ = 0;         ///< where to begin to look for the least busy
};

} // namespace keyloom::actors
