// error: the codec has no decode for bytes: on<T> needs caf::expected<T> decode(
#include <keyloom/keyloom.hpp>

struct only_encodes {
  std::string encode(int) const { return {}; }
};

void define(keyloom::event_source<>& source) {
  source.on<int>("number", only_encodes{},
                 [](keyloom::context<>&, int) { return keyloom::complete; });
}
