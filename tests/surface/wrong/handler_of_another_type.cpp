// error: the handler of on<T> takes (context<Store>&, T)
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.on<int>("number", keyloom::decimal<int>{},
                 [](keyloom::context<>&, const std::string&) { return keyloom::complete; });
}
