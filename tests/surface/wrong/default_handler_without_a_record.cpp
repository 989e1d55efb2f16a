// error: the handler of on_default takes (context<Store>&, const record&) and returns an outcome
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.on_default([](keyloom::context<>&) { return keyloom::complete; });
}
