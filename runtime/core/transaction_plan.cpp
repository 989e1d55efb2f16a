#include "runtime/core/transaction_plan.hpp"

#include <algorithm>

namespace keyloom::core {

transaction_plan::transaction_plan(limits settings)
  : limits_(settings), seats_(std::max<size_t>(settings.producers, 1)) {}

// -- the owner ------------------------------------------------------------------------------------

transaction_plan::number transaction_plan::submit(uint64_t epoch) {
  if (over_ || epoch < first_epoch_)
    return 0;
  chain_.push_back({.id = ++last_, .epoch = epoch});
  return last_;
}

void transaction_plan::abort_all(uint64_t epoch) {
  first_epoch_ = std::max(first_epoch_, epoch + 1);
  auto of_it = [epoch](const entry& x) { return x.epoch <= epoch && x.at != state::committing; };
  auto first = std::find_if(chain_.begin(), chain_.end(), of_it);
  if (first != chain_.end())
    fail_from(static_cast<size_t>(first - chain_.begin()));
  ask_owner();
}

bool transaction_plan::resume(uint64_t epoch, const std::vector<number>& dropped) {
  if (!asked_ || epoch < first_epoch_)
    return false;
  std::erase_if(chain_, [&dropped](const entry& x) {
    return std::find(dropped.begin(), dropped.end(), x.id) != dropped.end();
  });
  for (auto& each : chain_)
    each.epoch = std::max(each.epoch, epoch);
  held_ = false;
  asked_ = false;
  return true;
}

void transaction_plan::close() {
  over_ = true;
  auto first = !chain_.empty() && chain_.front().at == state::committing ? 1U : 0U;
  fail_from(first);
  for (auto& each : chain_)
    if (each.at == state::unsettled)
      let_go(each);
}

bool transaction_plan::quiet() const {
  return std::all_of(chain_.begin(), chain_.end(),
                     [](const entry& x) { return x.at == state::waiting; });
}

bool transaction_plan::ready() const {
  return !over_ && !held_ && std::none_of(chain_.begin(), chain_.end(), [](const entry& x) {
    return x.at == state::waiting;
  });
}

std::optional<transaction_plan::news> transaction_plan::take_news() {
  if (news_.empty())
    return std::nullopt;
  auto result = news_.front();
  news_.pop_front();
  return result;
}

// -- what is next ---------------------------------------------------------------------------------

std::optional<transaction_plan::task> transaction_plan::next(size_t producer, time_point now) {
  auto& at = seats_[producer];
  if (at.busy || (at.retry && now < *at.retry))
    return std::nullopt;
  at.retry.reset();
  auto result = choose(producer);
  if (!result)
    return result;
  at.busy = result;
  if (!at.since)
    at.since = now;
  return result;
}

std::optional<transaction_plan::time_point> transaction_plan::due(size_t producer) const {
  const auto& at = seats_[producer];
  return at.busy ? std::nullopt : at.retry;
}

std::optional<transaction_plan::task> transaction_plan::choose(size_t producer) {
  auto& at = seats_[producer];
  if (auto* held = held_by(producer))
    return choose_for(*held, at);
  if (over_)
    return std::nullopt;
  // One that broke is made anew when it is needed: a process that was fenced while it was frozen
  // must not fence its successor before it has learnt that its partitions are gone.
  auto wanted = !held_ && turn_ == producer && first_waiting() != nullptr;
  if (!at.open && (!at.was_open || wanted))
    return task{step::open, 0};
  if (!wanted || !may_hand_over(producer))
    return std::nullopt;
  auto& first = *first_waiting();
  first.at = state::handing;
  first.producer = producer;
  turn_ = (turn_ + 1) % seats_.size();
  return task{step::hand_over, first.id};
}

std::optional<transaction_plan::task> transaction_plan::choose_for(entry& of, const seat& at) {
  switch (of.at) {
    case state::handing:
      return task{step::hand_over, of.id};
    case state::acknowledged:
      if (!offsets_sent_before(of))
        return std::nullopt;
      of.at = state::sending;
      return task{step::send_offsets, of.id};
    case state::sending:
      return task{step::send_offsets, of.id};
    case state::sent:
      if (&of != &chain_.front())
        return std::nullopt;
      of.at = state::committing;
      return task{step::commit, of.id};
    case state::committing:
      return task{step::commit, of.id};
    case state::failed:
      return task{step::abort, of.id};
    case state::unsettled:
      if (later_ones_open(of))
        return std::nullopt;
      if (!at.open && at.needed)
        return task{step::open, 0};
      return task{step::settle, of.id};
    case state::waiting:
      break;
  }
  return std::nullopt;
}

// The turn's producer is free; all ids must have been opened, so that nothing a predecessor left
// open is in the way, and the one before must be acknowledged.
bool transaction_plan::may_hand_over(size_t producer) const {
  if (!seats_[producer].open)
    return false;
  if (!std::all_of(seats_.begin(), seats_.end(), [](const seat& x) { return x.was_open; }))
    return false;
  return std::none_of(chain_.begin(), chain_.end(),
                      [](const entry& x) { return x.at == state::handing; });
}

transaction_plan::entry* transaction_plan::first_waiting() {
  auto found = std::find_if(chain_.begin(), chain_.end(),
                            [](const entry& x) { return x.at == state::waiting; });
  return found == chain_.end() ? nullptr : &*found;
}

/// Only the one before needs a look: it waited for those before it in the same way.
bool transaction_plan::offsets_sent_before(const entry& of) const {
  auto i = index_of(of.id);
  return i == 0 || chain_[i - 1].at == state::sent || chain_[i - 1].at == state::committing;
}

bool transaction_plan::later_ones_open(const entry& than) const {
  return std::any_of(chain_.begin(), chain_.end(),
                     [&than](const entry& x) { return x.id > than.id && x.at != state::waiting; });
}

transaction_plan::entry* transaction_plan::held_by(size_t producer) {
  auto found = std::find_if(chain_.begin(), chain_.end(), [producer](const entry& x) {
    return x.at != state::waiting && x.producer == producer;
  });
  return found == chain_.end() ? nullptr : &*found;
}

size_t transaction_plan::index_of(number id) const {
  auto found = std::find_if(chain_.begin(), chain_.end(),
                            [id](const entry& x) { return x.id == id; });
  return static_cast<size_t>(found - chain_.begin());
}

transaction_plan::entry* transaction_plan::find(number id) {
  auto i = index_of(id);
  return i == chain_.size() ? nullptr : &chain_[i];
}

// -- what became of it ----------------------------------------------------------------------------

void transaction_plan::ended(size_t producer, outcome how, time_point now) {
  auto& at = seats_[producer];
  auto what = *at.busy;
  at.busy.reset();
  how = judge(producer, what, how, now);
  if (how == outcome::again) {
    at.retry = now + limits_.wait;
    // What was to be tried again may be aborted instead.
    if (auto* which = find(what.transaction); which != nullptr && which->doomed)
      fail(*which);
    return;
  }
  at.since.reset();
  if (how == outcome::ends)
    end();
  if (what.what == step::open && how == outcome::done)
    opened(at);
  else if (auto* which = find(what.transaction))
    transaction_ended(producer, *which, what.what, how);
  ask_owner();
}

bool transaction_plan::loses(size_t producer, outcome how, time_point now) const {
  auto& of = *seats_[producer].busy;
  if (of.what == step::open || of.what == step::settle)
    return false;
  how = judge(producer, of, how, now);
  return how != outcome::done && how != outcome::again && how != outcome::aborts;
}

// Patience has an end, but where giving up would not help.
transaction_plan::outcome transaction_plan::judge(size_t producer, const task& of, outcome how,
                                                  time_point now) const {
  if (how == outcome::done || how == outcome::ends)
    return how;
  if (of.what == step::settle)
    return how == outcome::absent ? how : outcome::again;
  if (of.what == step::open)
    return outcome::again;
  if (of.what == step::abort && how == outcome::aborts)
    return outcome::breaks;
  if (how != outcome::again || now - *seats_[producer].since < limits_.patience)
    return how;
  // A commit that goes on cannot be aborted, and an abort only be tried again.
  auto goes_on = of.what == step::commit || of.what == step::abort;
  return goes_on ? outcome::breaks : outcome::aborts;
}

void transaction_plan::opened(seat& which) {
  which.open = true;
  which.was_open = true;
  which.needed = false;
}

void transaction_plan::transaction_ended(size_t producer, entry& which, step what, outcome how) {
  if (what == step::settle) {
    if (how == outcome::done) {
      committed();
    } else {
      which.unconfirmed = false;
      let_go(which);
    }
  } else if (how != outcome::done) {
    step_failed(producer, which, what, how);
  } else if (what == step::abort) {
    let_go(which);
  } else if (what == step::commit) {
    committed();
  } else {
    went_on(which, what);
  }
}

void transaction_plan::went_on(entry& which, step what) {
  if (which.doomed) {
    fail(which);
    return;
  }
  which.at = what == step::hand_over ? state::acknowledged : state::sent;
  if (what == step::hand_over)
    news_.push_back({news_kind::acknowledged, which.id});
}

void transaction_plan::step_failed(size_t producer, entry& which, step what, outcome how) {
  if (what == step::commit)
    which.unconfirmed = true;
  fail_from(index_of(which.id));
  if (how == outcome::aborts)
    return;
  // Without its producer it cannot be aborted, nor be committed any more.
  seats_[producer].open = false;
  seats_[producer].needed = how == outcome::breaks;
  let_go(which);
}

void transaction_plan::committed() {
  news_.push_back({news_kind::committed, chain_.front().id});
  chain_.pop_front();
}

/// It and all after it are aborted, as soon as their steps have ended.
void transaction_plan::fail_from(size_t index) {
  if (index >= chain_.size())
    return;
  held_ = true;
  for (auto i = chain_.begin() + static_cast<ptrdiff_t>(index); i != chain_.end(); ++i) {
    if (i->at == state::waiting || i->at == state::failed || i->at == state::unsettled)
      continue;
    if (seats_[i->producer].busy)
      i->doomed = true;
    else
      fail(*i);
  }
}

void transaction_plan::fail(entry& which) {
  which.doomed = false;
  which.at = state::failed;
  seats_[which.producer].since.reset();
  seats_[which.producer].retry.reset();
}

/// Its producer has nothing to do with it any more, unless it is to find out what became of it.
void transaction_plan::let_go(entry& which) {
  which.doomed = false;
  which.at = which.unconfirmed && !over_ ? state::unsettled : state::waiting;
}

void transaction_plan::end() {
  if (over_)
    return;
  close();
  news_.push_back({news_kind::ended, 0});
}

// All that failed is aborted, and what came before it has ended.
void transaction_plan::ask_owner() {
  if (!held_ || asked_ || over_ || !quiet())
    return;
  held_ = asked_ = !chain_.empty();
  if (asked_)
    news_.push_back({news_kind::aborted, chain_.front().id});
}

} // namespace keyloom::core
