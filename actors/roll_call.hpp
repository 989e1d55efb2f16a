// Knows the actors of a source that are alive, so that a stop can wait for the last of them: what
// they use belongs to the source and goes with it (I9). CAF ends actors when their turn comes,
// which may be after the message that ended them was sent. Any thread.
#pragma once

#include <caf/actor_addr.hpp>
#include <caf/fwd.hpp>

#include <condition_variable>
#include <list>
#include <mutex>

namespace keyloom::actors {

class roll_call {
public:
  /// Member of an actor's state, declared first, so that it is destroyed last.
  class member {
  public:
    member(roll_call& roll, const caf::local_actor& self);
    member(const member&) = delete;
    member& operator=(const member&) = delete;
    ~member();

  private:
    roll_call& roll_;
    std::list<caf::actor_addr>::iterator place_;
  };

  /// Ends by force who is still alive, such as a key actor that waits for an answer that does not
  /// come.
  void kill_all();

  /// Waits until none is alive.
  void wait();

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<caf::actor_addr> alive_; // guarded by mutex_
};

} // namespace keyloom::actors
