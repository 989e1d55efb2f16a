#include "actors/transaction_committer.hpp"

#include "actors/partition_names.hpp"
#include "actors/poller.hpp"
#include "actors/send.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace keyloom::actors {

using namespace std::chrono_literals;

namespace {

/// How often the meters are looked at, at least.
constexpr auto tick_interval = 5ms;

/// From one transaction to the next, and at most.
constexpr auto least_pace = 10ms;
constexpr auto most_pace = 60ms;

/// With fewer events in each they come seldomer; with many, a larger one gains little.
constexpr size_t few_events = 20;
constexpr size_t many_events = 2000;

/// How much of the last hand-over counts against those before.
constexpr int smoothing = 8;

/// A hand-over waits so long for open transactions to end.
constexpr auto abort_timeout = 15s;

/// Before newer membership is asked for when the group was only just left behind.
constexpr auto regroup_delay = 50ms;

/// Waits for `abort_all`, which blocks.
struct aborter_state {
  static inline const char* name = "keyloom.aborter";

  aborter_state(caf::event_based_actor* self, services* shared, caf::actor committer,
                uint64_t epoch)
    : alive_(shared->alive, *self), self_(self), shared_(shared), committer_(std::move(committer)),
      epoch_(epoch) {}

  caf::behavior make_behavior() {
    tell(*self_, self_, tick_atom_v);
    return {[this](tick_atom) {
      post(committer_, chain_quiet{shared_->chain->abort_all(epoch_, abort_timeout)});
      self_->quit();
    }};
  }

private:
  roll_call::member alive_;
  caf::event_based_actor* self_;
  services* shared_;
  caf::actor committer_;
  uint64_t epoch_;
};

} // namespace

caf::behavior transaction_committer_state::make_behavior() {
  tell_later(*self_, tick_interval, tick_atom_v);
  return {
    [this](tick_atom) {
      tick();
      tell_later(*self_, until_next_look(), tick_atom_v);
    },
    [this](retry_atom) { shared_->poller->ask_membership(); },
    [this](const commit_for& news) { follow(news); },
    [this](const forget_partitions& lost) {
      if (drop(lost.partitions))
        abort_open();
    },
    [this](const final_commit& asked) { return last_commit(asked); },
    [this](const group_membership& news) { on_membership(news); },
    [this](const chain_acknowledged& news) { on_acknowledged(news.which); },
    [this](const chain_committed& news) { on_committed(news.which); },
    [this](const chain_aborted& news) { on_aborted(news); },
    [this](const chain_failed& news) { on_failed(news); },
    [this](const chain_quiet& news) { aborted_all(news.problem); },
    [](const kafka::offsets_committed&) {}, // there are none but in transactions
  };
}

void transaction_committer_state::follow(const commit_for& news) {
  partitions_[news.start.where]
    = {news.meter, news.partition, news.start.topic, {random_(), 0, -1}};
  if (over_)
    tell(*self_, news.partition, chain_over_atom_v);
}

// -- building a transaction -----------------------------------------------------------------------

void transaction_committer_state::tick() {
  if (!group_ || halted_ || aborting_ || !shared_->chain->ready())
    return;
  auto now = clock::now();
  if (unanswered_ > 0) { // a partition is busy: it comes with the next one
    if (!gathered_.parts.empty() && now - last_gathered_ >= least_pace)
      submit();
    return;
  }
  if (now - last_gathered_ < pace_)
    return;
  auto bare = now - last_bare_ >= shared_->source->config.commit_interval;
  if (bare)
    last_bare_ = now;
  gather(bare);
}

/// No later than the next transaction is due.
transaction_committer_state::clock::duration transaction_committer_state::until_next_look() const {
  auto left = last_gathered_ + pace_ - clock::now();
  return left <= 0ms ? tick_interval : std::clamp<clock::duration>(left, 1ms, tick_interval);
}

void transaction_committer_state::gather(bool bare) {
  auto now = clock::now();
  for (auto& [where, each] : partitions_)
    if (!each.asked && (bare || each.meter->sendable)) {
      ask(where, each, bare);
      last_gathered_ = now;
    }
  if (unanswered_ == 0)
    submit(); // what came late
}

void transaction_committer_state::ask(const kafka::topic_partition& where, followed& of,
                                      bool bare) {
  of.asked = true;
  ++unanswered_;
  auto* meter = of.meter.get();
  self_->request(of.partition, caf::infinite, cut_atom_v, bare)
    .then([this, where, meter](transaction_cut& cut) { heard(where, meter, std::move(cut)); },
          [this](const caf::error&) { one_answered(); }); // it was given up meanwhile
}

/// The answer may be of an assignment that is over.
void transaction_committer_state::heard(const kafka::topic_partition& where,
                                        const core::partition_meter* of, transaction_cut&& cut) {
  auto it = partitions_.find(where);
  if (it != partitions_.end() && it->second.meter.get() == of) {
    auto& from = it->second;
    from.asked = false;
    if (cut.number != 0 && !from.refused) {
      ++from.mark.number;
      from.mark.log_end = std::max(from.mark.log_end, cut.log_end);
      core::completion_map map{from.topic, std::move(cut.reached.beyond), from.mark};
      auto offset = cut.reached.offset;
      gathered_.parts.push_back({{where, offset, core::encode(map, offset)},
                                 std::move(cut.packed),
                                 std::move(cut.records),
                                 std::move(cut.content)});
      gathered_parts_.push_back({where, from.meter, from.partition, cut.number, offset});
      gathered_events_ += cut.events;
    }
  }
  one_answered();
}

void transaction_committer_state::one_answered() {
  if (--unanswered_ == 0)
    submit();
}

void transaction_committer_state::submit() {
  if (gathered_.parts.empty() || !group_ || halted_ || aborting_)
    return;
  gathered_.group = group_;
  auto which = shared_->chain->submit(std::exchange(gathered_, {}));
  auto parts = std::exchange(gathered_parts_, {});
  last_gathered_ = clock::now();
  for (auto& each : parts)
    each.sent = last_gathered_;
  pace_ = pace_after(std::exchange(gathered_events_, 0));
  if (which)
    open_.emplace(*which, std::move(parts));
  else // it is over, and says so itself
    warn("a transaction was not taken: " + describe(which.error()));
  note_open();
}

/// A hand-over of few records is mostly the broker's work for each partition in it: were they to
/// follow each other without a pause, it would come to nothing else, and each would take longer.
transaction_committer_state::clock::duration
transaction_committer_state::pace_after(size_t events) const {
  auto lack = static_cast<double>(many_events - std::min(events, many_events)) / many_events;
  auto after_hand_over = std::chrono::duration_cast<clock::duration>(hand_over_ * lack * 4 / 3);
  auto pace = events < few_events ? pace_ * 2 : after_hand_over;
  return std::clamp<clock::duration>(pace, least_pace, most_pace);
}

/// For who looks from outside.
void transaction_committer_state::note_open() {
  shared_->totals->open_transactions.store(open_.size(), std::memory_order_relaxed);
}

// -- what became of it ----------------------------------------------------------------------------

/// Transactions are handed over one after the other.
void transaction_committer_state::on_acknowledged(number which) {
  auto now = clock::now();
  if (auto it = open_.find(which); it != open_.end() && !it->second.empty()) {
    auto took = now - std::max(it->second.front().sent, last_acknowledged_);
    hand_over_ += (std::min<clock::duration>(took, most_pace) - hand_over_) / smoothing;
  }
  last_acknowledged_ = now;
  tick();
}

void transaction_committer_state::on_committed(number which) {
  auto it = open_.find(which);
  if (it == open_.end())
    return;
  for (auto& each : it->second) {
    each.meter->committed = each.offset;
    tell(*self_, each.partition, transaction_committed{each.number});
  }
  auto sent = it->second.empty() ? clock::now() : it->second.front().sent;
  shared_->totals->note_commit(clock::now() - sent);
  open_.erase(it);
  note_open();
}

void transaction_committer_state::on_aborted(const chain_aborted& news) {
  halted_ = true;
  shared_->totals->aborts.fetch_add(1, std::memory_order_relaxed);
  auto& what = news.what;
  if (what.reason)
    warn("transactions were aborted and go out again: " + describe(what.reason));
  if (what.permanent && !what.culprit) {
    on_failed({what.reason});
    return;
  }
  if (what.permanent) {
    stale_.insert(*what.culprit);
    drop_gathered(*what.culprit); // what was cut since reaches beyond what was refused
    if (auto it = partitions_.find(*what.culprit); it != partitions_.end()) {
      it->second.refused = true;
      tell(*self_, it->second.partition, transaction_refused{what.reason});
    }
  }
  if (!aborting_)
    tell_later(*self_, what.regroup ? regroup_delay : 0ms, retry_atom_v);
}

/// Nothing more is committed, so nothing is waited for.
void transaction_committer_state::on_failed(const chain_failed& news) {
  halted_ = over_ = true;
  fail_(news.reason);
  for (auto& [where, each] : partitions_)
    tell(*self_, each.partition, chain_over_atom_v);
}

void transaction_committer_state::on_membership(const group_membership& news) {
  if (over_)
    return;
  if (aborting_ || news.group.epoch() <= aborted_epoch_) {
    if (!aborting_)
      tell_later(*self_, regroup_delay, retry_atom_v);
    return;
  }
  group_ = news.group;
  epoch_ = group_.epoch();
  if (halted_)
    go_on();
}

void transaction_committer_state::go_on() {
  auto dropped = shared_->chain->resume(group_, [this](const kafka::topic_partition& where) {
    return partitions_.count(where) > 0 && stale_.count(where) == 0;
  });
  if (!dropped) {
    tell_later(*self_, regroup_delay, retry_atom_v);
    return;
  }
  for (auto which : *dropped)
    open_.erase(which);
  note_open();
  for (auto& [which, parts] : open_)
    std::erase_if(parts, [this](const part& each) { return stale_.count(each.where) > 0; });
  stale_.clear();
  halted_ = false;
  submit();
}

// -- partitions that go ---------------------------------------------------------------------------

/// Forgets them. True when something of theirs is open.
bool transaction_committer_state::drop(const std::vector<kafka::topic_partition>& partitions) {
  auto result = false;
  for (auto& where : partitions) {
    if (partitions_.erase(where) == 0)
      continue;
    drop_gathered(where);
    if (is_open(where)) {
      stale_.insert(where);
      result = true;
    }
  }
  return result;
}

void transaction_committer_state::drop_gathered(const kafka::topic_partition& where) {
  for (size_t i = 0; i < gathered_parts_.size();)
    if (gathered_parts_[i].where == where) {
      gathered_parts_.erase(gathered_parts_.begin() + static_cast<ptrdiff_t>(i));
      gathered_.parts.erase(gathered_.parts.begin() + static_cast<ptrdiff_t>(i));
    } else {
      ++i;
    }
}

bool transaction_committer_state::is_open(const kafka::topic_partition& where) const {
  return std::any_of(open_.begin(), open_.end(), [&where](const auto& each) {
    return std::any_of(each.second.begin(), each.second.end(),
                       [&where](const part& of) { return of.where == where; });
  });
}

void transaction_committer_state::abort_open() {
  if (std::exchange(aborting_, true))
    return;
  group_ = {};
  aborted_epoch_ = epoch_;
  self_->spawn<caf::stateful_actor<aborter_state>, caf::detached>(
    shared_, caf::actor_cast<caf::actor>(self_), epoch_);
}

void transaction_committer_state::aborted_all(const caf::error& problem) {
  aborting_ = false;
  if (problem)
    warn("ending open transactions: " + describe(problem));
  // What was committed after all leaves nothing to drop, when the partition comes back least of
  // all.
  std::erase_if(stale_, [this](auto& where) { return !is_open(where); });
  for (auto& each : std::exchange(final_answers_, {}))
    each.deliver();
  shared_->poller->ask_membership();
}

caf::result<void> transaction_committer_state::last_commit(const final_commit& asked) {
  std::vector<kafka::topic_partition> names;
  for (auto& each : asked.partitions)
    names.push_back(each.where);
  auto answer = self_->make_response_promise<void>();
  if (drop(names) || aborting_) {
    final_answers_.push_back(answer);
    abort_open();
  } else {
    answer.deliver();
  }
  return answer;
}

void transaction_committer_state::warn(const std::string& problem) {
  if (auto line = problems_.pass(problem, clock::now()))
    shared_->log->warning(log::component::committer, *line);
}

// -- chain_port -----------------------------------------------------------------------------------

void chain_port::acknowledged(number which) {
  post(committer_, chain_acknowledged{which});
}

void chain_port::committed(number which) {
  post(committer_, chain_committed{which});
}

void chain_port::aborted(const kafka::transaction_chain::aborted_transactions& which) {
  post(committer_, chain_aborted{which});
}

void chain_port::failed(const caf::error& reason) {
  post(committer_, chain_failed{reason});
}

} // namespace keyloom::actors
