// error: remote_actor: a type with CAF_ALLOW_UNSAFE_MESSAGE_TYPE cannot leave the process
#include <keyloom/handler_actor.hpp>
#include <keyloom/keyloom.hpp>

struct local {
  int* where = nullptr;
};

CAF_BEGIN_TYPE_ID_BLOCK(wrong, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(wrong, (local))
CAF_END_TYPE_ID_BLOCK(wrong)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(local)

void define(keyloom::event_source<>& source) {
  source.stage<local, int>("ask", keyloom::remote_actor("127.0.0.1", 4711));
}
