// error: a finalizer takes (context<Store>&, std::string_view key, Job&, caf::expected<Result>) and
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.stage<int, int>("look", keyloom::compute([](std::string_view, int& x) { return x; }),
                         [](keyloom::context<>&, int&, caf::expected<int>) {
                           return keyloom::complete;
                         });
}
