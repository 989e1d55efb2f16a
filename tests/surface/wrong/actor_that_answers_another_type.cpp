// error: shared_actor, actor_pool: the actor must answer (std::string key, Job) with the stage's
// Result
#include <keyloom/handler_actor.hpp>
#include <keyloom/keyloom.hpp>

using wordy = caf::typed_actor<caf::result<std::string>(std::string, int)>;

void define(keyloom::event_source<>& source) {
  source.stage<int, int>("ask", keyloom::shared_actor([](caf::actor_system&) { return wordy{}; }));
}
