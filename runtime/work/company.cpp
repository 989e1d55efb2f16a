#include "runtime/work/company.hpp"

#include <utility>

namespace keyloom::work {

bool company::member::join(company& which, manner how) {
  if (position_ != position::out)
    return position_ == position::inside;
  where_ = &which;
  how_ = how;
  if (how == manner::among_others && which.enter()) {
    position_ = position::inside;
    return true;
  }
  return which.enter_or_wait(*this);
}

void company::member::leave() {
  if (position_ == position::in_line) {
    std::lock_guard guard{where_->mutex_};
    if (position_ == position::in_line) { // it may just have been admitted
      where_->line_of(*this).erase(in_line_);
      position_ = position::out;
      where_->fill();
    }
  }
  if (position_.exchange(position::out) == position::inside)
    where_->exit(*this);
}

bool company::member::pass_on() {
  if (position_ != position::inside)
    return false;
  if (where_->inside_.load(std::memory_order_relaxed) < line_flag)
    return true;
  leave();
  return false;
}

void company::member::abandon() {
  if (position_ == position::inside)
    where_->abandoned_ = true;
}

bool company::member::excused() {
  return position_ == position::inside && where_->abandoned_.exchange(false);
}

/// Goes in among others while nobody is alone, or wants to be.
bool company::enter() {
  auto now = inside_.load();
  while (now < line_flag)
    if (inside_.compare_exchange_weak(now, now + 1))
      return true;
  return false;
}

bool company::enter_or_wait(member& who) {
  std::lock_guard guard{mutex_};
  auto admitted = false;
  if (who.how_ == manner::among_others) {
    admitted = enter(); // the flag may have gone meanwhile
  } else {
    inside_ |= line_flag;
    admitted = sole_ == nullptr && want_alone_.empty() && inside_ == line_flag;
    if (admitted)
      sole_ = &who;
  }
  who.position_ = admitted ? member::position::inside : member::position::in_line;
  auto& line = line_of(who);
  if (!admitted)
    who.in_line_ = line.insert(line.end(), &who);
  return admitted;
}

void company::exit(const member& who) {
  if (who.how_ == manner::among_others)
    for (auto now = inside_.load(); now < line_flag;)
      if (inside_.compare_exchange_weak(now, now - 1))
        return;
  std::lock_guard guard{mutex_};
  if (who.how_ == manner::alone)
    sole_ = nullptr;
  else
    --inside_;
  fill();
}

/// Lets in who may come in. With mutex_ held. The flag goes last: until then who leaves waits for
/// the lock, and so nobody is destroyed while he is still being admitted.
void company::fill() {
  if (inside_ < line_flag || sole_ != nullptr)
    return;
  if (!want_alone_.empty()) {
    if (inside_ == line_flag) {
      auto* next = want_alone_.front();
      want_alone_.pop_front();
      sole_ = next;
      admit(*next);
    }
    return;
  }
  while (!others_.empty()) {
    auto* next = others_.front();
    others_.pop_front();
    ++inside_;
    admit(*next);
  }
  inside_ -= line_flag;
}

void company::admit(member& who) {
  who.position_ = member::position::inside;
  who.admitted_();
}

std::list<company::member*>& company::line_of(const member& who) {
  return who.how_ == manner::alone ? want_alone_ : others_;
}

} // namespace keyloom::work
