#include "actors/source_actor.hpp"

#include "actors/partition_actor.hpp"
#include "actors/partition_names.hpp"
#include "actors/poller.hpp"
#include "actors/restorer.hpp"
#include "actors/send.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace keyloom::actors {

using std::chrono::steady_clock;

namespace {

/// How long a hand-over waits for the answer to its commit: the group waits for it. A stop, which
/// nobody waits for, has the rest of its deadline, too: while the group forms anew, which may take
/// a dead member's session, the broker takes no commits.
constexpr std::chrono::milliseconds commit_timeout{5000};

std::string shown(steady_clock::duration took) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count())
         + " ms";
}

} // namespace

source_actor_state::source_actor_state(caf::event_based_actor* self, services* shared,
                                       source_board* board, caf::actor committer)
  : self_(self), shared_(shared), board_(board), committer_(std::move(committer)),
    stalls_(self, shared, board), states_(self, shared, board, [this] { return living(); }) {
  // nop
}

caf::behavior source_actor_state::make_behavior() {
  self_->set_down_handler([this](const caf::down_msg& down) { on_died(down); });
  tell_later(*self_, stalls_.interval(), tick_atom_v);
  return {
    [this](tick_atom) {
      stalls_.look();
      tell_later(*self_, stalls_.interval(), tick_atom_v);
    },
    [this](const assigned& news) { on_assigned(news); },
    [this](const revoked& news) { on_revoked(news); },
    [this](const intake_failed& news) { on_intake_failed(news); },
    [this](const partition_stopped& news) { on_stopped(news); },
    [this](const partition_drained& news) { on_drained(news.where); },
    [this](const memory_gone& news) { on_memory_gone(news); },
    [this](const partition_restored& news) { on_restored(news); },
    [this](deadline_atom, uint64_t number) {
      if (hand_over_ && hand_over_->number == number && !hand_over_->undrained.empty())
        collect();
    },
    [this](limits_atom) {
      for (auto& [where, state] : partitions_)
        tell(*self_, state.partition, limits_atom_v);
    },
    [this](const ask_interjection& ask) { on_interjection(ask); },
    [this](const ask_interjections& ask) { on_interjections(ask); },
    [this](const ask_state& ask) { states_.ask(ask.what); },
    [this](stop_atom) { return on_stop(); },
  };
}

// -- assignments
// -----------------------------------------------------------------------------------

void source_actor_state::on_assigned(const assigned& news) {
  std::vector<poller::target> targets;
  if (stop_asked_) { // the group must be answered, but nothing is taken in any more
    for (auto& start : news.start)
      targets.push_back({{start.where, start.from.at.offset}, nullptr, nullptr});
    shared_->poller->assign(std::move(targets));
    return;
  }
  shared_->totals->partitions_assigned.fetch_add(news.start.size(), std::memory_order_relaxed);
  std::vector<kafka::topic_partition> names;
  std::vector<restorer::target> to_restore;
  for (auto& start : news.start) {
    auto meter = std::make_shared<core::partition_meter>();
    meter->account = shared_->budget->open();
    auto epoch = ++epochs_;
    auto partition = self_->spawn<caf::stateful_actor<partition_actor_state>, caf::monitored>(
      partition_args{start, meter, caf::actor_cast<caf::actor>(self_), epoch, shared_});
    board_->add(start.where, meter);
    stalls_.add(start.where, partition, meter);
    tell(*self_, committer_, commit_for{start, meter, partition});
    partitions_[start.where] = {partition, meter, epoch, shared_->restorer == nullptr};
    living_[start.where].insert(epoch);
    targets.push_back({{start.where, start.from.at.offset}, partition, meter, start.topic});
    names.push_back(start.where);
    if (start.from.is_gap())
      on_gap(start);
    if (shared_->restorer != nullptr && !partitions_[start.where].opened) {
      tell(*self_, partition, restore_atom_v);
      to_restore.push_back({start, partition, meter});
    }
    open_if_quiet(start.where);
  }
  if (!to_restore.empty())
    shared_->restorer->restore(to_restore);
  shared_->totals->joined = true;
  shared_->log->info("assigned " + names_of(names)); // before anything of them is worked on
  shared_->poller->assign(std::move(targets));
}

void source_actor_state::on_gap(const partition_start& start) {
  auto what = name_of(start.where) + ": " + start.from.note;
  if (shared_->source->config.on_gap == gap_action::go_on) {
    shared_->log->warning(what + "; going on at "
                          + (start.from.at.offset < 0
                               ? std::string{"the earliest record"}
                               : "offset " + std::to_string(start.from.at.offset))
                          + " (on-gap = continue)");
    return;
  }
  auto& state = partitions_[start.where];
  state.opened = true; // never
  auto reason = caf::make_error(errc::offset_out_of_range,
                                what
                                  + "; set the group's offset by hand, or let on-gap be continue "
                                    "to go on at the earliest record");
  tell(*self_, state.partition, intake_failed{start.where, std::move(reason)});
}

/// Opens a partition once no call of an earlier assignment runs any more: until then two calls of a
/// key could overlap (I3).
void source_actor_state::open_if_quiet(const kafka::topic_partition& where) {
  auto it = partitions_.find(where);
  if (it == partitions_.end() || it->second.opened || !it->second.restored)
    return;
  if (living_[where].size() > 1) {
    shared_->log->info(name_of(where)
                       + " waits for calls that still run from before it was revoked");
    return;
  }
  it->second.opened = true;
  stalls_.opened(where);
  tell(*self_, it->second.partition, open_atom_v);
}

void source_actor_state::on_restored(const partition_restored& news) {
  auto it = partitions_.find(news.where);
  if (it == partitions_.end() || it->second.epoch != news.epoch)
    return;
  it->second.restored = true;
  open_if_quiet(news.where);
}

void source_actor_state::on_memory_gone(const memory_gone& news) {
  living_[news.where].erase(news.epoch);
  open_if_quiet(news.where);
}

void source_actor_state::on_stopped(const partition_stopped& news) {
  auto reason = describe(news.reason);
  shared_->log->error("partition " + name_of(news.where) + " stopped: " + reason);
  board_->failed(news.where, reason);
  stalls_.remove(news.where);
  if (auto it = partitions_.find(news.where); it != partitions_.end())
    it->second.stopped = true;
  if (news.source_too || shared_->source->config.on_error == failure_action::stop_source)
    board_->ended();
  else
    end_if_all_stopped();
}

/// A partition's actor has ended. Without having been asked to, the partition has failed: what was
/// out until then stays committed, or is, and everything else comes again.
void source_actor_state::on_died(const caf::down_msg& down) {
  auto it = std::find_if(partitions_.begin(), partitions_.end(), [&](auto& each) {
    return each.second.partition.address() == down.source;
  });
  if (!down.reason || it == partitions_.end())
    return;
  auto& [where, state] = *it;
  state.dead = true;
  state.meter->open = false;
  state.meter->state = lifecycle::stopped;
  if (!state.stopped)
    on_stopped({where, caf::make_error(
                         errc::partition_stopped,
                         "an actor of keyloom's that worked for the partition died: "
                           + to_string(down.reason)
                           + "; it was ended from outside, or memory ran out, or it is a bug")});
  on_drained(where); // as far as it ever will be
}

/// With nothing left to do, the source ends instead of looking alive.
void source_actor_state::end_if_all_stopped() {
  auto stopped = [](auto& each) { return each.second.stopped; };
  if (!partitions_.empty() && std::all_of(partitions_.begin(), partitions_.end(), stopped))
    board_->ended();
}

void source_actor_state::on_intake_failed(const intake_failed& news) {
  if (news.where.topic.empty())
    fail_source(describe(news.reason));
  else if (auto it = partitions_.find(news.where); it != partitions_.end())
    tell(*self_, it->second.partition, news); // not the error alone: CAF takes that for its own
}

void source_actor_state::fail_source(const std::string& reason) {
  shared_->log->error(reason);
  board_->failed(reason);
  board_->ended();
}

// -- interjections
// ---------------------------------------------------------------------------------

void source_actor_state::on_interjection(const ask_interjection& ask) {
  auto it = partitions_.find({ask.what->topic(), ask.what->partition()});
  if (it != partitions_.end())
    tell(*self_, it->second.partition, ask);
  else
    ask.what->fail(errc::not_assigned,
                   stop_asked_ ? "the event source is stopping"
                               : "the partition is not assigned to this event source; ask the "
                                 "member of the group that has it");
}

void source_actor_state::on_interjections(const ask_interjections& ask) {
  for (auto& [where, state] : partitions_)
    tell(*self_, state.partition,
         ask_interjection{
           work::interjection_round::part_of(ask.what, where.topic, where.partition)});
}

state_round::partitions source_actor_state::living() const {
  state_round::partitions result;
  for (auto& [where, state] : partitions_)
    if (!state.dead)
      result.emplace(where, state.partition);
  return result;
}

// -- hand-overs
// ------------------------------------------------------------------------------------

void source_actor_state::on_revoked(const revoked& news) {
  auto& count = news.lost ? shared_->totals->partitions_lost : shared_->totals->partitions_revoked;
  if (!hand_over_) // finish() comes back to what waits
    count.fetch_add(news.partitions.size(), std::memory_order_relaxed);
  if (hand_over_) {
    revoked_.push_back(news); // finish() comes back to it
    if (news.lost)
      lose_meanwhile(news);
    return;
  }
  hand_over next;
  next.partitions = news.partitions;
  next.to_answer = news.partitions;
  next.lost = news.lost;
  begin(std::move(next), shared_->source->config.drain_deadline);
}

/// Nobody waits for partitions that are lost: what they still do is another member's now.
void source_actor_state::lose_meanwhile(const revoked& news) {
  for (auto& where : news.partitions) {
    hand_over_->lost_meanwhile.insert(where);
    on_drained(where);
  }
}

caf::result<void> source_actor_state::on_stop() {
  stop_asked_ = true;
  stop_answer_ = self_->make_response_promise<void>();
  auto answer = stop_answer_;
  if (!hand_over_) // else finish() comes back to it
    begin_stop();
  return answer;
}

void source_actor_state::begin_stop() {
  hand_over next;
  next.stopping = true;
  for (auto& [where, state] : partitions_)
    next.partitions.push_back(where);
  begin(std::move(next), shared_->source->config.stop_deadline);
}

void source_actor_state::begin(hand_over next, std::chrono::milliseconds deadline) {
  next.began = steady_clock::now();
  next.number = ++hand_overs_;
  std::erase_if(next.partitions, [this](auto& where) { return partitions_.count(where) == 0; });
  hand_over_ = std::move(next);
  if (hand_over_->lost || hand_over_->partitions.empty()) {
    collect();
    return;
  }
  for (auto& where : hand_over_->partitions) {
    auto& state = partitions_[where];
    if (state.dead)
      continue;
    hand_over_->undrained.insert(where);
    tell(*self_, state.partition, drain_atom_v);
  }
  if (hand_over_->undrained.empty())
    collect();
  else
    tell_later(*self_, deadline, deadline_atom_v, hand_over_->number);
}

void source_actor_state::on_drained(const kafka::topic_partition& where) {
  if (hand_over_ && hand_over_->undrained.erase(where) > 0 && hand_over_->undrained.empty())
    collect();
}

/// Gives the partitions up and gathers what they last had out.
void source_actor_state::collect() {
  auto& now = *hand_over_;
  now.drained = steady_clock::now();
  auto deadline = now.stopping ? "stop.deadline" : "drain.deadline";
  for (auto& where : std::exchange(now.undrained, {}))
    note_unfinished(name_of(where) + " was not drained within " + deadline
                    + "; what is not out will be processed again by its next owner");
  now.answers_missing = now.partitions.size();
  if (now.answers_missing == 0)
    commit();
  for (auto& where : now.partitions) {
    auto& state = partitions_[where];
    self_->request(state.partition, caf::infinite, give_up_atom_v)
      .then([this,
             number = now.number](partition_given_up& last) { collected(number, std::move(last)); },
            // It died, which on_died tells; what was out before is known.
            [this, number = now.number, where, meter = state.meter](const caf::error&) {
              collected(number, {{where, {meter->committable.load()}}});
            });
  }
}

/// Another member comes to it when partitions move; a stop has failed to do what it claims.
void source_actor_state::note_unfinished(const std::string& what) {
  if (hand_over_->stopping) {
    shared_->log->error(what);
    board_->failed(what);
  } else {
    shared_->log->warning(what);
  }
}

void source_actor_state::collected(uint64_t number, partition_given_up&& last) {
  if (!hand_over_ || hand_over_->number != number)
    return;
  auto& now = *hand_over_;
  now.commit.partitions.push_back(std::move(last.last));
  if (--now.answers_missing == 0)
    commit();
}

void source_actor_state::commit() {
  auto& now = *hand_over_;
  std::erase_if(now.commit.partitions,
                [&now](auto& each) { return now.lost_meanwhile.count(each.where) > 0; });
  if (now.lost || now.commit.partitions.empty()) {
    finish();
    return;
  }
  auto timeout = commit_timeout;
  if (now.stopping)
    timeout = std::max(timeout, shared_->source->config.stop_deadline
                                  - std::chrono::duration_cast<std::chrono::milliseconds>(
                                    steady_clock::now() - now.began));
  self_->request(committer_, timeout, now.commit)
    .then(
      [this] { finish(); },
      [this](const caf::error& reason) {
        auto lost = [this](auto& each) { return hand_over_->lost_meanwhile.count(each.where) > 0; };
        if (std::ranges::all_of(hand_over_->commit.partitions, lost))
          shared_->log->warning("the last commit of partitions that were lost meanwhile failed: "
                                + describe(reason));
        else
          note_unfinished("the last commit of " + names_of(hand_over_->partitions)
                          + " was not confirmed: " + describe(reason));
        finish();
      });
}

void source_actor_state::finish() {
  auto done = std::move(*hand_over_);
  hand_over_.reset();
  tell(*self_, committer_, forget_partitions{done.partitions}); // whatever became of its commit
  if (shared_->restorer != nullptr)
    shared_->restorer->cancel(done.partitions);
  for (auto& where : done.partitions) {
    partitions_.erase(where);
    board_->remove(where, done.stopping);
    stalls_.remove(where);
  }
  if (!done.partitions.empty())
    shared_->log->info((done.lost ? "lost " : "gave up ") + names_of(done.partitions) + " after "
                       + shown(steady_clock::now() - done.began) + ", the last "
                       + shown(steady_clock::now() - done.drained) + " of them to commit");
  if (done.stopping) {
    stop_answer_.deliver();
  } else {
    shared_->poller->unassign(done.to_answer);
    end_if_all_stopped();
  }
  begin_next();
}

/// Comes back to what had to wait for the hand-over that is done.
void source_actor_state::begin_next() {
  if (!revoked_.empty()) {
    auto next = std::move(revoked_.front());
    revoked_.pop_front();
    on_revoked(next);
  } else if (stop_asked_ && stop_answer_.pending()) {
    begin_stop();
  }
}

} // namespace keyloom::actors
