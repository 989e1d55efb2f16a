#include "actors/handler_cell.hpp"

#include "actors/send.hpp"

#include <keyloom/handler_actor.hpp>

namespace keyloom::actors {

struct handler_cell::shared {
  std::mutex mutex;
  caf::actor_addr current_address; // guarded by mutex, as all below
  caf::strong_actor_ptr current;
  uint64_t made = 0;
  bool stopped = false;

  void forget(const caf::actor_addr& dead) {
    std::lock_guard guard{mutex};
    if (current != nullptr && current_address == dead)
      current = nullptr;
  }
};

handler_cell::handler_cell(caf::actor_system& system, detail::actor_port& port)
  : system_(system), port_(port), shared_(std::make_shared<shared>()) {
  // nop
}

handler_cell::~handler_cell() {
  stop();
}

caf::expected<caf::strong_actor_ptr> handler_cell::get() {
  caf::strong_actor_ptr result;
  try {
    std::lock_guard guard{shared_->mutex};
    if (shared_->current != nullptr)
      return shared_->current;
    if (shared_->stopped)
      return caf::make_error(errc::wrong_state, "the source is stopping");
    result = port_.spawn(system_);
    if (result == nullptr)
      return caf::make_error(errc::handler_actor_died,
                             "the handler actor's factory returned no actor");
    shared_->current = result;
    shared_->current_address = caf::actor_cast<caf::actor_addr>(result);
    ++shared_->made;
  } catch (const std::exception& ex) {
    return caf::make_error(errc::handler_actor_died,
                           std::string{"the handler actor's factory threw: "} + ex.what());
  }
  // Outside of the lock: an instance that is dead already runs the functor at once.
  std::weak_ptr<shared> cell = shared_;
  result->get()->attach_functor(
    [cell, address = caf::actor_cast<caf::actor_addr>(result)](const caf::error&) {
      if (auto ptr = cell.lock())
        ptr->forget(address);
    });
  return result;
}

void handler_cell::died(const caf::strong_actor_ptr& instance) {
  shared_->forget(caf::actor_cast<caf::actor_addr>(instance));
}

void handler_cell::stop() {
  std::lock_guard guard{shared_->mutex};
  shared_->stopped = true;
  if (auto last = std::exchange(shared_->current, nullptr))
    end(caf::actor_cast<caf::actor>(last));
}

uint64_t handler_cell::made() const {
  std::lock_guard guard{shared_->mutex};
  return shared_->made;
}

} // namespace keyloom::actors
