// Where the shared handler actor of a stage lives. Made by the user's factory when first needed,
// and again after it has died: the cell learns of its death from CAF, or from a key actor whose
// request bounced. Any thread.
#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/expected.hpp>

#include <memory>
#include <mutex>

namespace keyloom::detail {
class actor_port;
} // namespace keyloom::detail

namespace keyloom::actors {

class handler_cell {
public:
  handler_cell(caf::actor_system& system, detail::actor_port& port);
  ~handler_cell();

  /// The living instance; makes one when there is none. errc::handler_actor_died when the factory
  /// fails.
  caf::expected<caf::strong_actor_ptr> get();

  /// `instance` is known to be dead: the next `get` makes another.
  void died(const caf::strong_actor_ptr& instance);

  /// Ends the instance; `get` fails from now on.
  void stop();

  /// Instances made so far.
  uint64_t made() const;

private:
  struct shared;
  caf::actor_system& system_;
  detail::actor_port& port_;
  std::shared_ptr<shared> shared_; // outlives the cell while an instance still knows it
};

} // namespace keyloom::actors
