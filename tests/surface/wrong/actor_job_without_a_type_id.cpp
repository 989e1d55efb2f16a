// error: Job and Result of a stage with handler actors travel in messages: give them a CAF type id
#include <keyloom/handler_actor.hpp>
#include <keyloom/keyloom.hpp>

struct leg {
  int miles = 0;
};

void define(keyloom::event_source<>& source) {
  source.stage<leg, int>("ask",
                         keyloom::shared_actor([](caf::actor_system&) { return caf::actor{}; }));
}
