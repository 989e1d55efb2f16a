// Events without a record: how the partition begins and ends them. Between, they are events like
// others. They run as soon as they are due or asked for, whatever room stages and producer have:
// one at a time of each scheduled one is no flood.
#include "runtime/core/partition.hpp"

namespace keyloom::core {

void partition::open_interjections() {
  now_ = out_.clock.now();
  interjections_.open(now_);
  for (auto& each : interjections_.take_waiting())
    interject(std::move(each));
}

std::optional<steady_time> partition::next_tick() const {
  return meter_.open ? interjections_.next_due() : std::nullopt;
}

void partition::tick() {
  now_ = out_.clock.now();
  auto first = next_tick();
  if (!first || *first > now_)
    return;
  while (meter_.open) {
    steady_time due;
    auto* next = interjections_.take_due(now_, due);
    if (next == nullptr)
      break;
    begin(*next, due);
  }
  take_backlog_in();
  settle();
}

void partition::interject(detail::asked_interjection_ptr what) {
  if (state_ != lifecycle::active) {
    what->fail(errc::given_up,
               stopped() ? "the partition has stopped: " + stop_reason_
                         : "the partition is being handed over; ask again where it is then");
    return;
  }
  if (!meter_.open) {
    interjections_.wait(std::move(what));
    return;
  }
  now_ = out_.clock.now();
  begin(interjections_.add(std::move(what)), std::nullopt);
  take_backlog_in();
  settle();
}

void partition::begin(interjection& x, std::optional<steady_time> due) {
  auto& ev = memory_->make_event();
  interjections_.begins(x, ev, now_);
  common_.totals.interjections.fetch_add(1, std::memory_order_relaxed);
  common_.totals.interjections_open.fetch_add(1, std::memory_order_relaxed);
  if (exact_)
    ev.held = &exact_->admit_interjection(ev);
  gate_.enter(ev, now_); // without a key it never waits
  begin_turn(ev);
  end_turn(ev, call_interjection(x, due), nullptr);
  note_interjections();
}

outcome partition::call_interjection(interjection& x, std::optional<steady_time> due) try {
  if (!due)
    return x.asked->call(*this);
  auto late = std::chrono::duration_cast<std::chrono::system_clock::duration>(now_ - *due);
  return x.schedule->handler(*this, out_.clock.wall_now() - late);
} catch (const std::exception& ex) {
  return outcome{errc::handler_failed, std::string{"it threw: "} + ex.what()};
} catch (...) {
  return outcome{errc::handler_failed, "it threw something that is no std::exception"};
}

void partition::fail_interjection(interjection& x, const caf::error& reason) {
  common_.totals.interjections_failed.fetch_add(1, std::memory_order_relaxed);
  if (x.asked)
    x.asked->answer(reason);
}

void partition::end_interjection(interjection& x) {
  interjections_.ended(x);
  common_.totals.interjections_open.fetch_sub(1, std::memory_order_relaxed);
  note_interjections();
}

void partition::drop_waiting_interjections() {
  for (auto& each : interjections_.take_waiting())
    each->fail(errc::given_up, "the partition was handed over before it opened");
}

void partition::give_up_interjections() {
  interjections_.fail_asked(errc::given_up,
                            "the partition was given up before it was out; ask again where the "
                            "partition is now");
  common_.totals.interjections_open.fetch_sub(static_cast<int64_t>(interjections_.under_way()),
                                              std::memory_order_relaxed);
  meter_.interjecting_since = 0;
}

void partition::note_interjections() {
  const auto* oldest = interjections_.oldest();
  meter_.interjecting_since = oldest == nullptr ? 0 : oldest->begun.time_since_epoch().count();
}

} // namespace keyloom::core
