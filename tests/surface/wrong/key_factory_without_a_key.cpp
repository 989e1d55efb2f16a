// error: per_key_actor: the factory takes (caf::actor_system&, const std::string& key)
#include <keyloom/handler_actor.hpp>
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.stage<int, int>("ask",
                         keyloom::per_key_actor([](caf::actor_system&) { return caf::actor{}; }));
}
