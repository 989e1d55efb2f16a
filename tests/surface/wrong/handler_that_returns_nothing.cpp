// error: the handler of on<T> returns an outcome: complete, what schedule returned, or an error
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.on<int>("number", keyloom::decimal<int>{}, [](keyloom::context<>&, int) {});
}
