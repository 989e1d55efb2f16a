#include "runtime/work/concurrency_limit.hpp"

#include <utility>

namespace keyloom::work {

concurrency_limit::place::place(concurrency_limit& limit, std::function<void()> granted)
  : limit_(limit), granted_(std::move(granted)) {
  // nop
}

bool concurrency_limit::place::acquire() {
  std::lock_guard guard{limit_.mutex_};
  if (position_ == position::out) {
    if (limit_.held_ >= limit_.places_) {
      in_line_ = limit_.line_.insert(limit_.line_.end(), this);
      position_ = position::in_line;
      return false;
    }
    ++limit_.held_;
    position_ = position::held;
  }
  return position_ == position::held;
}

bool concurrency_limit::place::held() const {
  std::lock_guard guard{limit_.mutex_};
  return position_ == position::held;
}

void concurrency_limit::place::release() {
  std::lock_guard guard{limit_.mutex_};
  if (position_ == position::in_line)
    limit_.line_.erase(in_line_);
  if (std::exchange(position_, position::out) == position::held) {
    --limit_.held_;
    limit_.fill();
  }
}

void concurrency_limit::set_places(uint32_t places) {
  std::lock_guard guard{mutex_};
  places_ = places;
  fill();
}

/// Gives free places to those in line. With mutex_ held.
void concurrency_limit::fill() {
  while (held_ < places_ && !line_.empty()) {
    auto* next = line_.front();
    line_.pop_front();
    ++held_;
    next->position_ = place::position::held;
    next->granted_();
  }
}

} // namespace keyloom::work
