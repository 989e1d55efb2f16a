#include "runtime/core/interjection_desk.hpp"

#include <algorithm>

namespace keyloom::core {

interjection_desk::interjection_desk(std::span<const detail::scheduled_interjection> defined,
                                     uint64_t seed)
  : random_(seed) {
  scheduled_.reserve(defined.size());
  for (auto& each : defined)
    scheduled_.emplace_back().schedule = &each;
}

void interjection_desk::open(steady_time now) {
  for (auto& each : scheduled_)
    set_next(each, now);
}

std::optional<steady_time> interjection_desk::next_due() const {
  std::optional<steady_time> result;
  for (auto& each : scheduled_)
    if (each.under_way == nullptr && (!result || each.due < *result))
      result = each.due;
  return result;
}

interjection* interjection_desk::take_due(steady_time now, steady_time& was_due) {
  interjection* result = nullptr;
  for (auto& each : scheduled_)
    if (each.under_way == nullptr && each.due <= now
        && (result == nullptr || each.due < result->due))
      result = &each;
  if (result != nullptr) {
    was_due = result->due;
    set_next(*result, now);
  }
  return result;
}

interjection& interjection_desk::add(detail::asked_interjection_ptr what) {
  auto& result = asked_.emplace_back();
  result.asked = std::move(what);
  return result;
}

void interjection_desk::begins(interjection& x, event& ev, steady_time now) {
  x.under_way = &ev;
  x.begun = now;
  ev.interjected = &x;
  ++under_way_;
}

void interjection_desk::ended(interjection& x) {
  --under_way_;
  x.under_way = nullptr;
  if (x.schedule != nullptr)
    return;
  auto what = std::move(x.asked);
  asked_.remove_if([&](const interjection& each) { return &each == &x; });
  what->answer({});
}

void interjection_desk::fail_asked(errc code, const std::string& why) {
  for (auto& each : take_waiting())
    each->fail(code, why);
  for (auto& each : asked_)
    each.asked->fail(code, why);
}

const interjection* interjection_desk::oldest() const {
  const interjection* result = nullptr;
  auto look = [&result](const interjection& each) {
    if (each.under_way != nullptr && (result == nullptr || each.begun < result->begun))
      result = &each;
  };
  std::ranges::for_each(scheduled_, look);
  std::ranges::for_each(asked_, look);
  return result;
}

void interjection_desk::set_next(interjection& x, steady_time now) {
  auto jitter = x.schedule->jitter.count();
  x.due = now + x.schedule->every;
  if (jitter > 0) {
    std::uniform_int_distribution<int64_t> spread{-jitter, jitter};
    x.due += std::chrono::milliseconds{spread(random_)};
  }
}

} // namespace keyloom::core
