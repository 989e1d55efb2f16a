#include "runtime/testkit/way_back.hpp"

#include "runtime/core/partition.hpp"

namespace keyloom::rig {

void way_back::finished(core::run&& part) {
  {
    std::lock_guard guard{mutex_};
    if (closed_)
      return;
    parts_.push_back(std::move(part));
  }
  if (std::this_thread::get_id() == owner_ && arrived_)
    arrived_();
}

std::vector<core::run> way_back::take() {
  std::lock_guard guard{mutex_};
  return std::exchange(parts_, {});
}

void way_back::close() {
  arrived_ = nullptr;
  std::vector<core::run> dropped; // goes after the lock
  std::lock_guard guard{mutex_};
  closed_ = true;
  dropped.swap(parts_);
}

} // namespace keyloom::rig
