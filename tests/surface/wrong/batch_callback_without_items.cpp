// error: a batcher's callback takes (context<Store>&, keyloom::batch_items<Item>&) and returns an
// outcome:
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.batcher<int>("write", keyloom::blocking([](keyloom::batch<int>&) {}),
                      [](keyloom::context<>&, int&) { return keyloom::complete; });
}
