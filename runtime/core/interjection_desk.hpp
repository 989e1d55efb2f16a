// The interjections of one assignment of a partition: when the scheduled ones are due, and which
// ones, scheduled or asked for, are under way. The partition runs them; here is only what is known
// of them.
//
// A scheduled one is never under way twice: its next run is set when the last one begins, `every`
// later, give or take up to `jitter`, and waits until the last one is over. So however late a run
// begins, after a pause or because the last one took long, one comes and not a burst. Few are
// scheduled, so the next due is looked for; a deadline_queue wants equal distances. Time is the
// steady clock's and comes in as an argument. One thread: the partition's.
#pragma once

#include "runtime/core/event.hpp"
#include "runtime/core/order_gate.hpp"

#include <keyloom/detail/interjection.hpp>

#include <list>
#include <random>
#include <span>

namespace keyloom::core {

/// One that is scheduled, or one that was asked for and is under way.
struct interjection {
  const detail::scheduled_interjection* schedule = nullptr; ///< null: it was asked for
  detail::asked_interjection_ptr asked;
  steady_time due{};   ///< of a scheduled one: when it has to run next
  steady_time begun{}; ///< the run under way
  event* under_way = nullptr;

  const std::string& name() const { return schedule ? schedule->name : asked->name(); }
};

class interjection_desk {
public:
  /// `seed`: of the jitter.
  interjection_desk(std::span<const detail::scheduled_interjection> defined, uint64_t seed);

  /// The first runs are `every` ahead.
  void open(steady_time now);

  /// When the next scheduled one has to run; none when all are under way.
  std::optional<steady_time> next_due() const;

  /// One that has to run now, with the time it was due; the next run is set. Null: none has to.
  interjection* take_due(steady_time now, steady_time& was_due);

  /// Waits for the partition to open.
  void wait(detail::asked_interjection_ptr what) { waiting_.push_back(std::move(what)); }
  std::vector<detail::asked_interjection_ptr> take_waiting() { return std::exchange(waiting_, {}); }

  /// It runs now.
  interjection& add(detail::asked_interjection_ptr what);

  void begins(interjection& x, event& ev, steady_time now);

  /// It is over: answers who asked for it and forgets it; a scheduled one may run again.
  void ended(interjection& x);

  /// Answers all who have asked and were not answered.
  void fail_asked(errc code, const std::string& why);

  /// The one that is under way for longest; null: none is.
  const interjection* oldest() const;
  size_t under_way() const { return under_way_; }

private:
  void set_next(interjection& x, steady_time now);

  std::vector<interjection> scheduled_;
  std::list<interjection> asked_; ///< under way
  std::vector<detail::asked_interjection_ptr> waiting_;
  std::mt19937_64 random_;
  size_t under_way_ = 0;
};

} // namespace keyloom::core
