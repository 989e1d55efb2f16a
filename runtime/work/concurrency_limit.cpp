#include "runtime/work/concurrency_limit.hpp"

#include <utility>

namespace keyloom::work {

concurrency_limit::place::place(concurrency_limit& limit, std::function<void()> granted)
  : limit_(limit), granted_(std::move(granted)) {
  // nop
}

bool concurrency_limit::place::acquire() {
  if (position_ != position::out)
    return held();
  if (limit_.take()) {
    position_ = position::held;
    return true;
  }
  return limit_.take_or_wait(*this);
}

void concurrency_limit::place::release() {
  if (position_ == position::in_line) {
    std::lock_guard guard{limit_.mutex_};
    if (position_ == position::in_line) { // it may just have been granted
      limit_.line_.erase(in_line_);
      position_ = position::out;
      limit_.fill();
    }
  }
  slice_end_ = {};
  if (position_.exchange(position::out) == position::held)
    limit_.give_back();
}

void concurrency_limit::place::pass_on() {
  auto all = limit_.held_.load(std::memory_order_relaxed);
  auto others_wait = all >= line_flag;
  if (all % line_flag > limit_.places_.load(std::memory_order_relaxed)) {
    release();
  } else if (others_wait) {
    auto now = std::chrono::steady_clock::now();
    if (slice_end_ == std::chrono::steady_clock::time_point{})
      slice_end_ = now + time_slice;
    if (now >= slice_end_)
      release();
  }
}

void concurrency_limit::set_places(uint32_t places) {
  std::lock_guard guard{mutex_};
  places_ = places;
  fill();
}

/// Takes a place that is free while nobody is in line.
bool concurrency_limit::take() {
  auto now = held_.load();
  while (now < places_) // never while there is a line
    if (held_.compare_exchange_weak(now, now + 1))
      return true;
  return false;
}

bool concurrency_limit::take_or_wait(place& who) {
  std::lock_guard guard{mutex_};
  for (auto now = held_.load(); line_.empty();) {
    auto free = now < places_;
    if (!held_.compare_exchange_weak(now, free ? now + 1 : now | line_flag))
      continue;
    if (free) {
      who.position_ = place::position::held;
      return true;
    }
    break;
  }
  who.position_ = place::position::in_line;
  who.in_line_ = line_.insert(line_.end(), &who);
  return false;
}

void concurrency_limit::give_back() {
  auto now = held_.load();
  while (now < line_flag)
    if (held_.compare_exchange_weak(now, now - 1))
      return;
  std::lock_guard guard{mutex_};
  --held_;
  fill();
}

/// Gives free places to those in line. With mutex_ held. The flag goes last: until then who gives a
/// place back waits for the lock, and so no place is destroyed while it is still being granted.
void concurrency_limit::fill() {
  if (held_ < line_flag) // nobody is in line
    return;
  while (!line_.empty() && held_ - line_flag < places_) {
    auto* next = line_.front();
    line_.pop_front();
    ++held_;
    next->position_ = place::position::held;
    next->granted_();
  }
  if (line_.empty())
    held_ -= line_flag;
}

} // namespace keyloom::work
