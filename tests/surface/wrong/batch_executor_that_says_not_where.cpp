// error: a batcher's executor says where batches are executed: blocking(f), or a handler actor such
// as
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.batcher<int>("write", [](keyloom::batch<int>&) {});
}
