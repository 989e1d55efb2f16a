#include "runtime/work/call_inbox.hpp"

namespace keyloom::work {

void call_inbox::completed(std::unique_ptr<detail::job> call) noexcept {
  auto* before = head_.load();
  do {
    if (before == &closed_)
      return; // and the call goes
    call->next = before == &working_ ? nullptr : before;
  } while (!head_.compare_exchange_weak(before, call.get()));
  static_cast<void>(call.release()); // the list has it
  if (before == nullptr)
    wake();
}

void call_inbox::signal() {
  signalled_ = true;
  detail::job* resting = nullptr;
  if (head_.compare_exchange_strong(resting, &working_))
    wake();
}

void call_inbox::begin_work() {
  detail::job* resting = nullptr;
  head_.compare_exchange_strong(resting, &working_);
}

detail::job* call_inbox::take() {
  signalled_ = false;
  auto* newest = head_.exchange(&working_);
  detail::job* result = nullptr;
  while (newest != nullptr && newest != &working_) {
    auto* before = std::exchange(newest->next, result);
    result = std::exchange(newest, before);
  }
  return result;
}

bool call_inbox::rest() {
  auto* working = &working_;
  if (!head_.compare_exchange_strong(working, nullptr))
    return false;
  if (!signalled_)
    return true;
  begin_work(); // the signal came before we rested and woke nobody
  return false;
}

void call_inbox::close() {
  {
    std::lock_guard guard{mutex_};
    wake_ = nullptr;
  }
  auto* rest = head_.exchange(&closed_);
  if (rest != &working_ && rest != &closed_)
    free_all(rest);
}

void call_inbox::free_all(detail::job* calls) {
  while (calls != nullptr) {
    std::unique_ptr<detail::job> call{calls};
    calls = call->next;
  }
}

void call_inbox::wake() {
  std::lock_guard guard{mutex_};
  if (wake_)
    wake_();
}

} // namespace keyloom::work
