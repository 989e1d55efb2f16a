// What the homes have in common that make instances with the user's factory: counting those that
// are alive, and waiting for the last of them. An instance counts as alive until CAF has ended it,
// which is after its state was destroyed. Any thread.
#pragma once

#include "actors/handler_home.hpp"

#include <keyloom/detail/actor_port.hpp>

#include <caf/actor_addr.hpp>
#include <caf/expected.hpp>

#include <condition_variable>
#include <mutex>
#include <vector>

namespace keyloom::actors {

class spawning_home : public handler_home, public std::enable_shared_from_this<spawning_home> {
public:
  explicit spawning_home(home_services with) : with_(std::move(with)) {}

  void stop() final;

protected:
  /// Calls the factory, which is why it is called under `mutex_`: never twice at once. The caller
  /// calls `watch` without the lock.
  caf::expected<caf::strong_actor_ptr> make(const std::string& key);

  /// Takes back the count of what was made, for who will not watch it.
  void unmade();

  /// Calls `ended` once when the instance is gone, at once when it is already.
  void watch(const caf::strong_actor_ptr& instance);

  /// An instance is gone, and not counted any more. Under the lock.
  virtual void ended(caf::actor_id instance) = 0;

  /// All instances that are not gone, as far as the home knows them. Under the lock.
  virtual std::vector<caf::strong_actor_ptr> instances() const = 0;

  static caf::error stopping();

  home_services with_;
  std::mutex mutex_;
  uint32_t alive_ = 0;   // guarded by mutex_
  bool stopped_ = false; // guarded by mutex_

private:
  bool wait_until_gone(std::unique_lock<std::mutex>& lock, std::chrono::seconds limit);

  std::condition_variable gone_;
};

} // namespace keyloom::actors
