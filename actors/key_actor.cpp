#include "actors/key_actor.hpp"

namespace keyloom::actors {

strand_key_state::strand_key_state(caf::event_based_actor* self, services* shared, uint32_t stage)
  : alive_(shared->alive, *self), self_(self), shared_(shared),
    strand_(caf::make_counted<work::strand>(stage)) {
  // nop
}

caf::behavior strand_key_state::make_behavior() {
  return {
    [this](const core::run& jobs) {
      if (strand_->push(core::run{jobs}))
        shared_->workers->submit(strand_);
    },
    [this](retire_atom) { self_->quit(); },
  };
}

} // namespace keyloom::actors
