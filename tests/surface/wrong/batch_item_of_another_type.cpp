// error: add takes (context&, std::string_view key, items...), each of the batcher's Item or what
// one can be made of
#include <keyloom/keyloom.hpp>

keyloom::outcome give(keyloom::context<>& ctx, keyloom::batcher_handle<int> write) {
  return write.add(ctx, "key", std::string{"no number"});
}
