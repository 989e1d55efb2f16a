#include "actors/key_actor.hpp"

#include "actors/handler_cell.hpp"
#include "actors/send.hpp"

#include <keyloom/handler_actor.hpp>

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

bool wrong_type(const caf::error& reason) {
  return reason == caf::sec::unexpected_response || reason == caf::sec::unexpected_message;
}

} // namespace

strand_key_state::strand_key_state(caf::event_based_actor* self, services* shared, uint32_t stage)
  : alive_(shared->alive), self_(self), shared_(shared),
    strand_(caf::make_counted<work::strand>(stage)) {
  // nop
}

caf::behavior strand_key_state::make_behavior() {
  return {
    [this](const core::run& jobs) {
      if (strand_->push(core::run{jobs}))
        shared_->workers->submit(strand_);
    },
    [this](retire_atom) { self_->quit(); },
  };
}

asking_key_state::asking_key_state(caf::event_based_actor* self, services* shared, uint32_t stage)
  : alive_(shared->alive), self_(self), shared_(shared), stage_(stage),
    place_(*shared->stages[stage].requests,
           [me = caf::actor_cast<caf::actor>(self)] { post(me, granted_atom_v); }) {
  // nop
}

caf::behavior asking_key_state::make_behavior() {
  return {
    [this](const core::run& jobs) {
      waiting_.append(core::run{jobs});
      if (current_ == nullptr)
        go_on();
    },
    [this](granted_atom) {
      if (retiring_)
        self_->quit();
      else if (memory_->given_up())
        drop();
      else
        ask();
    },
    [this](retire_atom) {
      retiring_ = true;
      waiting_ = core::run{};
      if (current_ == nullptr || !place_.held())
        self_->quit();
    },
  };
}

void asking_key_state::go_on() {
  if (retiring_) {
    self_->quit();
    return;
  }
  if (waiting_.empty())
    return;
  if (waiting_.memory->given_up()) {
    drop();
    return;
  }
  memory_ = waiting_.memory;
  current_ = waiting_.take();
  attempts_ = 0;
  bounces_ = 0;
  if (place_.acquire())
    ask();
}

/// The partition stopped: no call that has not begun may begin.
void asking_key_state::drop() {
  place_.release();
  waiting_ = core::run{};
  current_ = nullptr;
  memory_ = nullptr;
}

void asking_key_state::ask() {
  auto handler = shared_->stages[stage_].handlers->get();
  if (!handler) {
    fail(std::move(handler.error()));
    return;
  }
  auto& port = *shared_->source->stages[stage_]->handlers();
  port.ask(*self_, *handler, *current_,
           [this, by = *handler](caf::error reason) { answered(by, std::move(reason)); });
}

void asking_key_state::answered(const caf::strong_actor_ptr& by, caf::error reason) {
  if (!reason)
    finish();
  else if (wrong_type(reason))
    fail(caf::make_error(errc::wrong_result_type,
                         "the handler actor does not take (std::string key, job), or answered "
                         "with another type than the stage's result: "
                           + to_string(reason)));
  else if (!bounced(reason) && !died_with_it(reason))
    fail(std::move(reason)); // its own answer
  else if (!retiring_ && try_again(by, reason))
    ask();
  else
    fail(caf::make_error(
      errc::handler_actor_died,
      "the handler actor died, or dropped its response promise, while it held the job, and so did "
      "the one that tried it again: "
        + to_string(reason)));
}

bool asking_key_state::try_again(const caf::strong_actor_ptr& by, const caf::error& reason) {
  if (!bounced(reason))
    return ++attempts_ < 2;
  shared_->stages[stage_].handlers->died(by);
  return ++bounces_ < bounce_limit;
}

void asking_key_state::finish() {
  place_.release();
  auto memory = std::exchange(memory_, nullptr); // keeps the way back while it is used
  core::run done;
  done.memory = memory;
  done.append(*std::exchange(current_, nullptr));
  memory->back().finished(std::move(done));
  go_on();
}

void asking_key_state::fail(caf::error reason) {
  shared_->source->stages[stage_]->fail(*current_, std::move(reason));
  finish();
}

} // namespace keyloom::actors
