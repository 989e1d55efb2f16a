#include "actors/delivery_router.hpp"

namespace keyloom::actors {

void delivery_router::delivered(void* token, const caf::error& refused) {
  auto* ev = static_cast<core::event*>(token);
  // Takes over the reference that the partition took when it produced the record.
  core::work_memory_ptr memory{ev->memory, false};
  if (last_ == nullptr || last_->memory != memory) { // reports of a partition come in a row
    last_ = &pending_[memory.get()];
    last_->memory = std::move(memory);
  }
  last_->reports.push_back({ev, refused});
}

void delivery_router::reports_drained() {
  for (auto& [key, entry] : pending_)
    entry.memory->back().delivered(std::move(entry.reports));
  pending_.clear();
  last_ = nullptr;
}

} // namespace keyloom::actors
