#include "actors/spawning_home.hpp"

#include "actors/send.hpp"

#include <keyloom/errc.hpp>

#include <caf/actor_cast.hpp>

namespace keyloom::actors {

namespace {

/// How long instances may take to be killed at a stop.
constexpr std::chrono::seconds last_grace{5};

} // namespace

caf::expected<caf::strong_actor_ptr> spawning_home::make(const std::string& key) {
  caf::strong_actor_ptr result;
  std::string what;
  try {
    result = with_.port.spawn(with_.system, key);
    what = "returned no actor";
  } catch (const std::exception& ex) {
    what = std::string{"threw: "} + ex.what();
  } catch (...) {
    what = "threw something that is no std::exception";
  }
  if (result == nullptr)
    return caf::make_error(errc::no_handler_actor, "the handler actor's factory " + what);
  ++alive_;
  with_.meter->actors_made.fetch_add(1, std::memory_order_relaxed);
  with_.meter->actors_alive.fetch_add(1, std::memory_order_relaxed);
  return result;
}

void spawning_home::unmade() {
  --alive_;
  with_.meter->actors_made.fetch_sub(1, std::memory_order_relaxed);
  with_.meter->actors_alive.fetch_sub(1, std::memory_order_relaxed);
}

void spawning_home::watch(const caf::strong_actor_ptr& instance) {
  instance->get()->attach_functor(
    [weak = weak_from_this(), id = instance->id()](const caf::error&) {
      auto home = weak.lock();
      if (!home)
        return;
      std::lock_guard guard{home->mutex_};
      --home->alive_;
      home->with_.meter->actors_alive.fetch_sub(1, std::memory_order_relaxed);
      home->ended(id);
      home->gone_.notify_all();
    });
}

void spawning_home::stop() {
  std::unique_lock lock{mutex_};
  stopped_ = true;
  for (auto& each : instances())
    end(caf::actor_cast<caf::actor>(each));
  if (wait_until_gone(lock, grace))
    return;
  for (auto& each : instances())
    end(caf::actor_cast<caf::actor>(each), caf::exit_reason::kill);
  if (!wait_until_gone(lock, last_grace))
    with_.log.warning("stage '" + with_.stage + "': " + std::to_string(alive_)
                      + " handler actors have not ended: they do not return from what they do");
}

bool spawning_home::wait_until_gone(std::unique_lock<std::mutex>& lock,
                                    std::chrono::seconds limit) {
  return gone_.wait_for(lock, limit, [this] { return alive_ == 0; });
}

caf::error spawning_home::stopping() {
  return caf::make_error(errc::wrong_state, "the source is stopping");
}

} // namespace keyloom::actors
