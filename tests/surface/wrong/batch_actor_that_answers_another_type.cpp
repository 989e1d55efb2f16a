// error: a batcher's handler actor takes (std::string batcher, std::vector<Item>) and answers
// keyloom::batch_errors
#include <keyloom/handler_actor.hpp>
#include <keyloom/keyloom.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(wrong, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(wrong, (std::vector<int>))
CAF_END_TYPE_ID_BLOCK(wrong)

using writer = caf::typed_actor<caf::result<int>(std::string, std::vector<int>)>;

void define(keyloom::event_source<>& source) {
  source.batcher<int>("write",
                      keyloom::shared_actor([](caf::actor_system&) -> writer { return {}; }));
}
