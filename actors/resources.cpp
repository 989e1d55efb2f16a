#include "actors/resources.hpp"

#include <algorithm>

namespace keyloom {

shared_resources::shared_resources(uint64_t budget)
  : impl_(std::make_shared<detail::resources>(budget)) {
  // nop
}

uint64_t shared_resources::held_bytes() const {
  return static_cast<uint64_t>(std::max<int64_t>(impl_->budget->held(), 0));
}

uint64_t shared_resources::threads() const {
  return impl_->threads->size();
}

} // namespace keyloom
