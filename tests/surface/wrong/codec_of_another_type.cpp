// error: the codec decodes another type than the handler's T: on<T> needs caf::expected<T> decode(
#include <keyloom/keyloom.hpp>

void define(keyloom::event_source<>& source) {
  source.on<std::vector<int>>("numbers", keyloom::decimal<int>{},
                              [](keyloom::context<>&, const std::vector<int>&) {
                                return keyloom::complete;
                              });
}
