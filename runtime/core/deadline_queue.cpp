#include "runtime/core/deadline_queue.hpp"

namespace keyloom::core {

void deadline_queue::add(entry& x, steady_time now) {
  if (timeout_.count() == 0)
    return;
  x.due_ = now + timeout_;
  x.earlier_ = last_;
  x.later_ = nullptr;
  x.queued_ = true;
  (last_ == nullptr ? first_ : last_->later_) = &x;
  last_ = &x;
}

void deadline_queue::remove(entry& x) {
  if (!x.queued_)
    return;
  (x.earlier_ == nullptr ? first_ : x.earlier_->later_) = x.later_;
  (x.later_ == nullptr ? last_ : x.later_->earlier_) = x.earlier_;
  x.queued_ = false;
}

deadline_queue::entry* deadline_queue::take_due(steady_time now) {
  if (first_ == nullptr || first_->due_ > now)
    return nullptr;
  auto* due = first_;
  remove(*due);
  return due;
}

std::optional<steady_time> deadline_queue::next() const {
  if (first_ == nullptr)
    return std::nullopt;
  return first_->due_;
}

} // namespace keyloom::core
