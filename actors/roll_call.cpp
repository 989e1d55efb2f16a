#include "actors/roll_call.hpp"

#include "actors/send.hpp"

#include <caf/actor_cast.hpp>
#include <caf/local_actor.hpp>

#include <vector>

namespace keyloom::actors {

roll_call::member::member(roll_call& roll, const caf::local_actor& self) : roll_(roll) {
  std::lock_guard guard{roll_.mutex_};
  place_ = roll_.alive_.insert(roll_.alive_.end(), self.address());
}

roll_call::member::~member() {
  std::lock_guard guard{roll_.mutex_};
  roll_.alive_.erase(place_);
  if (roll_.alive_.empty())
    roll_.changed_.notify_all(); // under the lock: the waiting one may destroy us next
}

void roll_call::kill_all() {
  std::vector<caf::actor> targets; // go without the lock: one may be the last reference
  {
    std::lock_guard guard{mutex_};
    for (auto& each : alive_)
      if (auto target = caf::actor_cast<caf::actor>(each))
        targets.push_back(std::move(target));
  }
  for (auto& each : targets)
    end(each, caf::exit_reason::kill);
}

void roll_call::wait() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return alive_.empty(); });
}

} // namespace keyloom::actors
