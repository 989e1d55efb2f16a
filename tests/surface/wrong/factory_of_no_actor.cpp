// error: actor_pool, shared_actor: the factory takes (caf::actor_system&) and returns a
// caf::typed_actor
#include <keyloom/handler_actor.hpp>
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.stage<int, int>("ask", keyloom::actor_pool(2, [](caf::actor_system&) { return 7; }));
}
