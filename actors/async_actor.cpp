#include "actors/async_actor.hpp"

#include "actors/send.hpp"

namespace keyloom::actors {

using std::chrono::steady_clock;

namespace {

/// What has ended is reported at least this often while calls go on ending.
constexpr std::chrono::milliseconds report_interval{1};
/// The clock is read once for so many answers.
constexpr uint32_t answers_per_look = 16;

} // namespace

async_state::async_state(caf::event_based_actor* self, services* shared, uint32_t stage)
  : alive_(shared->alive, *self), self_(self), shared_(shared), stage_(stage),
    definition_(*shared->source->stages[stage]),
    inbox_(caf::make_counted<work::call_inbox>(
      [me = caf::actor_cast<caf::actor>(self)] { post(me, wake_atom_v); })),
    calls_(definition_, *this, *this, &shared->meter(stage)) {
  self->set_exit_handler([this](const caf::exit_msg& end) { // the partition actor died
    if (end.reason)
      retire();
  });
}

async_state::~async_state() {
  inbox_->close(); // calls may go on for long after us
  shared_->meter(stage_).running.fetch_sub(shown_running_, std::memory_order_relaxed);
}

caf::behavior async_state::make_behavior() {
  return {
    [this](const core::run& jobs) {
      memory_ = jobs.memory;
      calls_.add(core::run{jobs});
      work();
    },
    [this](wake_atom) {
      coming_back_ = false;
      work();
    },
    [this](tick_atom) {
      ticking_ = false;
      calls_.expire();
      work();
    },
    [this](limits_atom) {
      calls_.look_again();
      work();
    },
    [this](retire_atom) { retire(); },
  };
}

void async_state::retire() {
  retiring_ = true;
  work();
}

/// Takes what has ended and begins what may begin. While calls come back it does not rest but looks
/// again when it is its turn: more are likely to have come by then, and need not wake it.
void async_state::work() {
  inbox_->begin_work();
  auto news = take_answers();
  calls_.go_on();
  give_kept_places_back();
  leave_line();
  report();
  if (news || !inbox_->rest())
    come_back();
  tick_when_due();
  if (retiring_ && calls_.under_way() == 0)
    self_->quit();
}

void async_state::come_back() {
  if (!std::exchange(coming_back_, true))
    tell(*self_, caf::actor_cast<caf::actor>(self_), wake_atom_v);
}

/// True: there were some.
bool async_state::take_answers() {
  auto any = false;
  auto report_at = steady_clock::now() + report_interval;
  for (auto* calls = inbox_->take(); calls != nullptr; calls = inbox_->take())
    while (calls != nullptr) {
      any = true;
      std::unique_ptr<detail::job> call{calls};
      calls = call->next;
      calls_.answered(std::move(call));
      calls_.go_on();
      if (calls_.done().count % answers_per_look == 0 && steady_clock::now() >= report_at) {
        report();
        report_at = steady_clock::now() + report_interval;
      }
    }
  return any;
}

void async_state::report() {
  auto& meter = shared_->meter(stage_);
  if (auto late = calls_.take_late(); late > 0)
    meter.late_answers.fetch_add(late, std::memory_order_relaxed);
  if (auto running = static_cast<int64_t>(calls_.under_way()); running != shown_running_)
    meter.running.fetch_add(running - std::exchange(shown_running_, running),
                            std::memory_order_relaxed);
  if (calls_.done().empty())
    return;
  memory_->back().finished(calls_.take_done());
}

void async_state::tick_when_due() {
  auto due = calls_.next_deadline();
  if (due && !std::exchange(ticking_, true))
    tell_later(*self_, std::max(*due - steady_clock::now(), steady_clock::duration::zero()),
               tick_atom_v);
}

bool async_state::acquire_place() {
  if (!kept_.empty()) {
    held_.push_back(std::move(kept_.back()));
    kept_.pop_back();
    return true;
  }
  if (next_place_ == nullptr) {
    if (spare_.empty()) {
      next_place_ = std::make_unique<work::concurrency_limit::place>(
        *shared_->stages[stage_].requests, [inbox = inbox_] { inbox->signal(); });
    } else {
      next_place_ = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  in_line_ = !next_place_->acquire();
  if (!in_line_)
    held_.push_back(std::move(next_place_));
  return !in_line_;
}

void async_state::release_place() {
  auto place = std::move(held_.back());
  held_.pop_back();
  place->pass_on();
  (place->held() ? kept_ : spare_).push_back(std::move(place));
}

/// Those that no call needs now.
void async_state::give_kept_places_back() {
  for (auto& place : kept_) {
    place->release();
    spare_.push_back(std::move(place));
  }
  kept_.clear();
}

/// Gives up the place it waits for, or got meanwhile, when nobody needs it any more.
void async_state::leave_line() {
  if (in_line_ && !calls_.waits_for_place()) {
    next_place_->release();
    in_line_ = false;
  }
}

caf::error async_state::begin(std::unique_ptr<detail::job> call) {
  return core::begin(definition_, std::move(call), inbox_);
}

} // namespace keyloom::actors
