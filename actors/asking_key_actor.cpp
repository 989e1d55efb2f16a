#include "actors/asking_key_actor.hpp"

#include "actors/send.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>

namespace keyloom::actors {

namespace {

/// The actor was dead when the request arrived, or died before it looked at it.
bool bounced(const caf::error& reason) {
  return reason == caf::sec::request_receiver_down;
}

/// The actor had begun and did not come to an answer.
bool died_with_it(const caf::error& reason) {
  return reason == caf::sec::broken_promise
         || reason.category() == caf::type_id_v<caf::exit_reason>;
}

/// What CAF answers for an actor that throws, and what an actor may answer itself.
bool may_have_thrown(const caf::error& reason) {
  return reason == caf::sec::runtime_error;
}

/// Jobs without a key are keys of their own.
bool same_key(const detail::job& a, const detail::job& b) {
  return a.key.data() != nullptr && b.key.data() != nullptr && a.key == b.key;
}

bool wrong_type(const caf::error& reason) {
  return reason == caf::sec::unexpected_response || reason == caf::sec::unexpected_message;
}

} // namespace

asking_key_state::asking_key_state(caf::event_based_actor* self, services* shared, uint32_t stage,
                                   core::work_memory_ptr memory)
  : alive_(shared->alive, *self), self_(self), shared_(shared), stage_(stage),
    memory_(std::move(memory)), deadlines_(shared->source->stages[stage]->timeout()) {
  self->set_down_handler([this](const caf::down_msg& down) { lost(down); });
  self->set_exit_handler([this](const caf::exit_msg& end) { // the partition actor died
    if (end.reason)
      retire();
  });
}

/// Killed with requests under way, at a stop.
asking_key_state::~asking_key_state() {
  for (auto& each : slots_)
    if (each != nullptr && each->call != 0)
      each->seat->abandon();
  shared_->meter(stage_).running.fetch_sub(shown_running_, std::memory_order_relaxed);
}

caf::behavior asking_key_state::make_behavior() {
  return {
    [this](const core::run& jobs) { take(jobs); },
    [this](woken_atom, uint32_t number) {
      go_on(slot_of(number));
      after_message();
    },
    [this](tick_atom) { expire(); },
    [this](retry_atom) { look_again(); },
    [this](limits_atom) { look_at_held(); },
    [this](retire_atom) { retire(); },
  };
}

detail::job* asking_key_state::waiting(uint64_t call) {
  auto& which = slot_of(call);
  if (which.call == call)
    return which.current;
  shared_->meter(stage_).late_answers.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

/// The slot of this number; call numbers are congruent to those of their slots.
asking_key_state::slot& asking_key_state::slot_of(uint64_t number) {
  auto index = static_cast<uint32_t>(number % slots);
  auto& result = slots_[index];
  if (result == nullptr) {
    auto& own = shared_->stages[stage_];
    result = std::make_unique<slot>(*own.handlers, *own.requests,
                                    [me = caf::actor_cast<caf::actor>(self_), index] {
                                      post(me, woken_atom_v, index);
                                    });
  }
  return *result;
}

void asking_key_state::take(core::run jobs) {
  while (auto* j = jobs.take()) {
    auto& which = slot_of(j->slot);
    which.waiting.append(*j);
    if (which.current == nullptr)
      go_on(which);
  }
  after_message();
}

/// Brings the slot to where it waits: for an answer, an instance, a place, or work.
void asking_key_state::go_on(slot& which) {
  while (which.call == 0 && (which.current != nullptr || !which.waiting.empty())) {
    if (retiring_ || memory_->given_up()) { // no call that has not begun may begin
      drop(which);
      return;
    }
    if (is_held(which)) { // it keeps nobody from anything meanwhile
      which.place.release();
      which.seat->leave();
      which.instance = nullptr;
      return;
    }
    if (which.current == nullptr) {
      which.current = which.waiting.take();
      which.attempts = 0;
      which.bounces = 0;
    }
    caf::error reason;
    if (has_instance(which, reason)) {
      if (has_place(which))
        ask(which);
      else
        return;
    } else if (reason) {
      fail(which, std::move(reason));
    } else {
      which.place.release(); // those who hold an instance wait for places
      look_again_later();
      return;
    }
  }
}

/// Whether an inspector holds its next call back.
bool asking_key_state::is_held(const slot& which) const {
  auto& next = which.current != nullptr ? *which.current : *which.waiting.first;
  return shared_->source->stages[stage_]->holds_back(next);
}

/// What is held back has changed.
void asking_key_state::look_at_held() {
  for (auto& each : slots_)
    if (each != nullptr && each->call == 0)
      go_on(*each);
  after_message();
}

bool asking_key_state::has_instance(slot& which, caf::error& reason) {
  if (which.instance != nullptr)
    return true;
  using work::company;
  auto manner = which.attempts > 0 ? company::manner::alone : company::manner::among_others;
  auto given = which.seat->take({*memory_, which.current->key, which.current->key_hash, manner});
  which.instance = std::move(given.instance);
  reason = std::move(given.reason);
  return which.instance != nullptr;
}

/// Without a place a slot keeps others from being alone with its instance only when it is alone
/// there itself.
bool asking_key_state::has_place(slot& which) {
  if (which.place.acquire())
    return true;
  if (which.attempts == 0) {
    which.seat->pause();
    which.instance = nullptr;
  }
  return false;
}

void asking_key_state::ask(slot& which) {
  auto& own = shared_->stages[stage_];
  which.current->begun.store(true, std::memory_order_relaxed);
  which.began = std::chrono::steady_clock::now();
  if (deadlines_.timeout().count() > 0)
    deadlines_.add(which, which.began);
  begin_call(which);
  try {
    own.port->ask(*self_, which.instance, *which.current, which.call, *this);
  } catch (...) {
    end_call(which.call);
    fail(which, core::what_was_thrown("copying the job for the handler actor"));
    return;
  }
  if (own.handlers->loses_requests()
      && monitored_.insert(caf::actor_cast<caf::actor_addr>(which.instance)).second)
    self_->monitor(which.instance);
  tick_when_due();
}

uint64_t asking_key_state::begin_call(slot& which) {
  ++under_way_;
  which.call = ++calls_ * slots + which.current->slot % slots;
  return which.call;
}

asking_key_state::slot& asking_key_state::end_call(uint64_t call) {
  --under_way_;
  auto& which = slot_of(call);
  which.call = 0;
  return which;
}

void asking_key_state::after_message() {
  report();
  if (retiring_ && under_way_ == 0)
    self_->quit();
}

void asking_key_state::report() {
  if (under_way_ != shown_running_)
    shared_->meter(stage_).running.fetch_add(under_way_ - std::exchange(shown_running_, under_way_),
                                             std::memory_order_relaxed);
  if (done_.empty())
    return;
  done_.memory = memory_;
  memory_->back().finished(std::exchange(done_, core::run{}));
}

void asking_key_state::answered(uint64_t call, caf::error reason) {
  auto& which = end_call(call);
  shared_->meter(stage_).note_calls(1, std::chrono::steady_clock::now() - which.began);
  if (reason)
    judge(which, std::move(reason));
  else
    finish(which);
  go_on(which);
  after_message();
}

void asking_key_state::judge(slot& which, caf::error reason) {
  if (bounced(reason) || died_with_it(reason))
    try_again(which, bounced(reason), reason);
  else if (may_have_thrown(reason))
    probe(which, std::move(reason));
  else if (wrong_type(reason))
    fail(which,
         caf::make_error(
           errc::wrong_result_type,
           "the handler actor does not take (std::string key, job), or answered with another "
           "type than the stage's result: "
             + to_string(reason)));
  else
    fail(which, std::move(reason)); // its own answer
}

/// CAF answers the request of an actor that throws as the actor may answer itself. Dead actors tell
/// no tales: who answers a question of CAF's own afterwards has not thrown. Nor has who does not
/// answer it in time, such as a blocking actor: the dead are known at once.
void asking_key_state::probe(slot& which, caf::error reason) {
  auto call = begin_call(which);
  auto settle = [this, call, reason](bool alive) {
    if (waiting(call) == nullptr)
      return;
    auto& asked = end_call(call);
    if (alive)
      fail(asked, reason);
    else
      try_again(asked, false, reason);
    go_on(asked);
    after_message();
  };
  self_
    ->request<caf::message_priority::high>(caf::actor_cast<caf::actor>(which.instance),
                                           handler_home::grace, caf::sys_atom_v, caf::get_atom_v,
                                           std::string{"info"})
    .then([settle](caf::ok_atom, const std::string&, const caf::strong_actor_ptr&,
                   const std::string&) { settle(true); },
          [settle](const caf::error& silence) { settle(silence == caf::sec::request_timeout); });
}

/// The job stays the slot's current one, for the caller to go on with, unless it was tried enough.
/// It gives its place back: it may have to wait for an instance behind a key that will need one.
void asking_key_state::try_again(slot& which, bool bounced, const caf::error& reason) {
  deadlines_.remove(which); // of the call that has ended
  auto counts = !bounced && !(which.attempts > 0 && which.seat->excused());
  if (bounced)
    which.seat->lost_instance();
  which.seat->pause();
  which.instance = nullptr;
  which.place.release();
  if (!counts && ++which.bounces == bounce_limit)
    fail(which, caf::make_error(errc::handler_actor_died,
                                "the handler actor died " + std::to_string(bounce_limit)
                                  + " times before it looked at the job; does it end as soon as it "
                                    "is made?"));
  else if (counts && ++which.attempts == 2)
    fail(which, caf::make_error(
                  errc::handler_actor_died,
                  "the handler actor died, or dropped its response promise, while it held the job, "
                  "and so did the one that tried it again, alone: "
                    + to_string(reason)));
}

void asking_key_state::fail(slot& which, caf::error reason) {
  shared_->source->stages[stage_]->fail(*which.current, std::move(reason));
  finish(which);
}

/// Leaves the seat when the next job is another key's, as in stages that are not ordered by key,
/// and before the partition hears of the last one: it may give the key another slot at once.
void asking_key_state::finish(slot& which) {
  deadlines_.remove(which);
  if (!which.waiting.empty() && same_key(*which.waiting.first, *which.current)) {
    which.place.pass_on();
    if (!which.seat->pass_on())
      which.instance = nullptr;
  } else {
    which.place.release();
    which.seat->leave();
    which.instance = nullptr;
  }
  done_.append(*std::exchange(which.current, nullptr));
}

void asking_key_state::drop(slot& which) {
  deadlines_.remove(which);
  which.waiting = core::run{};
  which.current = nullptr;
  which.instance = nullptr;
  which.place.release();
  which.seat->leave();
}

void asking_key_state::retire() {
  retiring_ = true;
  for (auto& each : slots_)
    if (each != nullptr && each->call == 0)
      drop(*each);
  after_message();
}

/// Fails the jobs whose calls take too long. Their keys go on, and an answer that still comes finds
/// nobody waiting.
void asking_key_state::expire() {
  ticking_ = false;
  while (auto* due = deadlines_.take_due(std::chrono::steady_clock::now())) {
    auto& which = static_cast<slot&>(*due);
    end_call(which.call);
    which.seat->abandon();
    which.current->timed_out = true;
    fail(which, core::timeout_error(*shared_->source->stages[stage_]));
    go_on(which);
  }
  tick_when_due();
  after_message();
}

void asking_key_state::tick_when_due() {
  auto due = deadlines_.next();
  if (due && !std::exchange(ticking_, true))
    tell_later(*self_,
               std::max(*due - std::chrono::steady_clock::now(),
                        std::chrono::steady_clock::duration::zero()),
               tick_atom_v);
}

void asking_key_state::look_again_later() {
  if (!std::exchange(looking_again_, true))
    tell_later(*self_, handler_home::grace, retry_atom_v);
}

/// For an instance, where one is waited for.
void asking_key_state::look_again() {
  looking_again_ = false;
  for (auto& each : slots_)
    if (each != nullptr && each->current != nullptr && each->instance == nullptr)
      go_on(*each);
  after_message();
}

/// An instance is gone whose requests may have been lost on the way.
void asking_key_state::lost(const caf::down_msg& down) {
  monitored_.erase(down.source);
  for (auto& each : slots_)
    if (each != nullptr && each->call != 0 && each->instance != nullptr
        && each->instance->address() == down.source) {
      each->seat->lost_instance();
      answered(each->call,
               caf::make_error(errc::no_handler_actor,
                               "the handler actor" + shared_->stages[stage_].handlers->place()
                                 + " ended, or the connection to it was cut, before it answered: "
                                 + to_string(down.reason)));
    }
}

} // namespace keyloom::actors
