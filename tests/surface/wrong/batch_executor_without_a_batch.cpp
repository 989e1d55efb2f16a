// error: a batcher's executor blocking(f) takes (keyloom::batch<Item>&) and returns nothing, or a
// caf::error
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.batcher<int>("write", keyloom::blocking([](std::string_view, int&) {}));
}
