#include "runtime/work/concurrency_limit.hpp"

namespace keyloom::work {

concurrency_limit::place::place(concurrency_limit& limit, std::function<void()> granted)
  : limit_(limit), granted_(std::move(granted)) {
  // nop
}

bool concurrency_limit::place::acquire() {
  std::lock_guard guard{limit_.mutex_};
  if (position_ == position::out) {
    if (limit_.free_ == 0) {
      in_line_ = limit_.line_.insert(limit_.line_.end(), this);
      position_ = position::in_line;
      return false;
    }
    --limit_.free_;
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
  if (position_ == position::held) {
    if (limit_.line_.empty()) {
      ++limit_.free_;
    } else {
      auto* next = limit_.line_.front();
      limit_.line_.pop_front();
      next->position_ = position::held;
      next->granted_();
    }
  }
  position_ = position::out;
}

} // namespace keyloom::work
