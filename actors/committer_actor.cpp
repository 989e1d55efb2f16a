#include "actors/committer_actor.hpp"

#include "actors/poller.hpp"
#include "actors/send.hpp"

#include <algorithm>

namespace keyloom::actors {

namespace {

/// How soon a final commit is tried again.
constexpr std::chrono::milliseconds retry_interval{50};

} // namespace

caf::behavior committer_state::make_behavior() {
  tell_later(*self_, shared_->source->config.commit_interval, tick_atom_v);
  return {
    [this](tick_atom) { tick(); },
    [this](retry_atom) { send_next(); },
    [this](const commit_for& news) { follow(news); },
    [this](const forget_partitions& lost) { forget(lost.partitions); },
    [this](const kafka::offsets_committed& answer) { answered(answer); },
    [this](const final_commit& asked) { return last_commit(asked); },
  };
}

void committer_state::follow(const commit_for& news) {
  plan_.add(news.where, news.meter->committable.load(std::memory_order_acquire));
  meters_[news.where] = news.meter;
}

void committer_state::forget(const std::vector<kafka::topic_partition>& partitions) {
  for (auto& where : partitions) {
    plan_.remove(where);
    meters_.erase(where);
  }
}

void committer_state::tick() {
  for (auto& [where, meter] : meters_)
    plan_.moved(where, meter->committable.load(std::memory_order_acquire));
  send_next();
  tell_later(*self_, shared_->source->config.commit_interval, tick_atom_v);
}

void committer_state::send_next() {
  auto next = plan_.next();
  if (next.empty())
    return;
  std::vector<kafka::partition_offset> offsets;
  for (auto& each : next)
    offsets.push_back({each.where, each.offset});
  under_way_ = std::move(next);
  final_sent_ = final_answer_.pending();
  if (auto err = shared_->poller->consumer().commit_async(offsets))
    answered({std::move(offsets), std::move(err), true});
}

void committer_state::answered(const kafka::offsets_committed& answer) {
  auto sent = std::exchange(under_way_, {});
  plan_.answered(sent, !answer.error);
  if (answer.error) {
    auto problem = "commit failed" + std::string{answer.retriable ? ", trying again: " : ": "}
                   + describe(answer.error);
    if (auto line = problems_.pass(problem, std::chrono::steady_clock::now()))
      shared_->log->warning(*line);
    if (final_answer_.pending()) {
      if (!answer.retriable && final_sent_)
        settle_final(answer.error);
      else // the commit that failed may have been an earlier one
        tell_later(*self_, retry_interval, retry_atom_v);
    }
    return;
  }
  for (auto& each : sent)
    if (auto it = meters_.find(each.where); it != meters_.end())
      it->second->committed = each.offset;
  shared_->totals->commits.fetch_add(1, std::memory_order_relaxed);
  shared_->totals->last_commit = std::chrono::steady_clock::now().time_since_epoch().count();
  settle_final({});
  send_next(); // what moved meanwhile can wait for the tick, but a final commit cannot
}

caf::result<void> committer_state::last_commit(const final_commit& asked) {
  for (auto& each : asked.offsets)
    plan_.moved(each.where, each.offset);
  final_ = asked.offsets;
  final_answer_ = self_->make_response_promise<void>();
  auto answer = final_answer_;
  send_next();
  settle_final({});
  return answer;
}

void committer_state::settle_final(const caf::error& reason) {
  if (!final_answer_.pending())
    return;
  auto confirmed = [this](const kafka::partition_offset& each) {
    auto committed = plan_.committed(each.where);
    return !committed || *committed >= each.offset;
  };
  if (!reason && !std::all_of(final_.begin(), final_.end(), confirmed))
    return;
  for (auto& each : std::exchange(final_, {}))
    forget({each.where});
  if (reason)
    final_answer_.deliver(reason);
  else
    final_answer_.deliver();
}

} // namespace keyloom::actors
