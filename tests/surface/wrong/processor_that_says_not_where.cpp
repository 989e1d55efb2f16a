// error: a stage's processor says where the work is done: blocking(f), compute(f), async(f)
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.stage<int, int>("look", [](std::string_view, int& x) { return x; });
}
