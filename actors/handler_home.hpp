// Where the handler actors of a stage live. Key actors ask it for an instance and neither know nor
// care of which form it is: one of a pool, the key's own, the user's, or one on another node. One
// for each handler-actor stage of a source, over all partitions. Any thread.
//
// A key sits on a *seat* while it has work. `take` gives the seat an instance, or puts it in line
// and wakes it later. The instance of a seat is not evicted; it may die, and it is ended when its
// partition is given up. A seat may ask to be alone with its instance: then it waits until no other
// seat has a request under way there, and the others wait until it has left.
#pragma once

#include "runtime/core/meters.hpp"
#include "runtime/log/logger.hpp"
#include "runtime/work/company.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/fwd.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

namespace keyloom::core {
class work_memory;
} // namespace keyloom::core

namespace keyloom::detail {
class actor_port;
} // namespace keyloom::detail

namespace keyloom::actors {

/// A key's claim on an instance. Its owner uses it from one thread at a time, and destroys it
/// before the home.
class handler_seat {
public:
  explicit handler_seat(std::function<void()> woken) : company_(std::move(woken)) {}
  virtual ~handler_seat() = default;

  struct owner {
    const core::work_memory& memory; ///< of the key's partition, of this assignment
    std::string_view key;            ///< without memory: no key, so the job is a key of its own
    uint64_t key_hash = 0;
    work::company::manner manner = work::company::manner::among_others;
  };

  struct answer {
    caf::strong_actor_ptr instance = nullptr;
    caf::error reason = {}; ///< why there is no instance; none: wait to be woken
  };

  /// The seat's instance, to send one request to, or more, as `pass_on` says; another one when the
  /// last one was lost.
  virtual answer take(const owner& who) = 0;

  /// The instance is dead: the next `take` gives another.
  virtual void lost_instance() = 0;

  /// The key has no more work, or must not begin any. So does the destructor.
  virtual void leave() = 0;

  /// Between the key's calls: false when `take` must be asked again, because others wait.
  bool pass_on() { return company_.pass_on(); }

  /// No request will be sent soon: the seat does not keep others from being alone.
  void pause() { company_.leave(); }

  /// The request is not waited for any more, but may still be under way.
  void abandon() { company_.abandon(); }

  /// Whether the instance may have died of an abandoned request, though the seat was alone with it.
  /// Each time somebody abandons requests excuses one death.
  bool excused() { return company_.excused(); }

protected:
  work::company::member company_; ///< of the instance that was taken
};

class handler_home {
public:
  /// How long an instance that was told to end may take for it. Then it is killed.
  static constexpr std::chrono::seconds grace{1};

  virtual ~handler_home() = default;

  /// `woken` is called, from any thread, when a `take` that had to wait should be tried again; it
  /// may be called when there is nothing new. It must only pass the news on. Who waits tries again
  /// after `grace` all the same: a home has no clock of its own to see that an instance does not
  /// end.
  virtual std::unique_ptr<handler_seat> new_seat(std::function<void()> woken) = 0;

  /// True when a request may go without an answer because its way is cut: key actors must monitor
  /// the instances they ask.
  virtual bool loses_requests() const { return false; }

  /// Where the instances are, for people: to be read behind "the handler actor".
  virtual std::string place() const { return {}; }

  /// The partition of this memory was given up: ends the instances of its keys.
  virtual void partition_gone(const core::work_memory&) {}

  /// Ends what lives here; `take` fails from now on. Waits until it is gone, to a deadline. Not
  /// from an actor.
  virtual void stop() = 0;
};

/// What a home works with. `meter` has the counts of instances made, alive and evicted.
struct home_services {
  caf::actor_system& system;
  detail::actor_port& port;
  std::shared_ptr<core::stage_meter> meter;
  log::logger& log;
  std::string stage;
};

/// The home for the form that the port says.
std::shared_ptr<handler_home> make_handler_home(home_services with);

} // namespace keyloom::actors
