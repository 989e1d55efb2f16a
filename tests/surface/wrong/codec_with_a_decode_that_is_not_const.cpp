// error: the codec's decode is not const: on<T> needs caf::expected<T> decode(
#include <keyloom/keyloom.hpp>

struct counts_calls {
  caf::expected<int> decode(std::string_view) { return ++calls; }
  int calls = 0;
};

void define(keyloom::event_source<>& source) {
  source.on<int>(counts_calls{}, [](keyloom::context<>&, int) { return keyloom::complete; });
}
