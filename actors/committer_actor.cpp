#include "actors/committer_actor.hpp"

#include "actors/poller.hpp"
#include "actors/send.hpp"

#include <algorithm>

namespace keyloom::actors {

namespace {

/// How soon a final commit is tried again.
constexpr std::chrono::milliseconds retry_interval{50};

/// How long a commit waits for partitions that were asked what is out beyond their offsets.
constexpr std::chrono::milliseconds answer_patience{10};

/// Below that a map says too little to be worth a commit that may be refused again.
constexpr size_t least_metadata = 100;

} // namespace

caf::behavior committer_state::make_behavior() {
  tell_later(*self_, shared_->source->config.commit_interval, tick_atom_v);
  return {
    [this](tick_atom) { tick(); },
    [this](due_atom) { send_due(); },
    [this](retry_atom) { send_next(); },
    [this](const commit_for& news) { follow(news); },
    [this](const forget_partitions& lost) { forget(lost.partitions); },
    [this](const kafka::offsets_committed& answer) { answered(answer); },
    [this](const final_commit& asked) { return last_commit(asked); },
  };
}

void committer_state::follow(const commit_for& news) {
  plan_.add(news.start.where, news.start.from.at);
  partitions_[news.start.where] = {news.meter, news.partition, news.start.topic};
}

void committer_state::forget(const std::vector<kafka::topic_partition>& partitions) {
  for (auto& where : partitions) {
    plan_.remove(where);
    partitions_.erase(where);
  }
}

void committer_state::tick() {
  for (auto& [where, each] : partitions_) {
    plan_.moved(where, each.meter->committable.load(std::memory_order_acquire));
    if (each.meter->beyond && !each.asked)
      ask(where, each);
  }
  due_ = true;
  if (unanswered_ == 0)
    send_due();
  else
    tell_later(*self_, answer_patience, due_atom_v);
  tell_later(*self_, shared_->source->config.commit_interval, tick_atom_v);
}

void committer_state::ask(const kafka::topic_partition& where, followed& of) {
  of.asked = true;
  ++unanswered_;
  auto* meter = of.meter.get();
  self_->request(of.partition, caf::infinite, progress_atom_v)
    .then([this, where, meter](core::progress& what) { heard(where, meter, std::move(what)); },
          [this](const caf::error&) { one_answered(); }); // it was given up meanwhile
}

/// The answer may be of an assignment that is over.
void committer_state::heard(const kafka::topic_partition& where, const core::partition_meter* of,
                            core::progress what) {
  auto it = partitions_.find(where);
  if (it != partitions_.end() && it->second.meter.get() == of) {
    it->second.asked = false;
    plan_.moved(where, std::move(what));
  }
  one_answered();
}

void committer_state::one_answered() {
  if (--unanswered_ == 0)
    send_due();
}

void committer_state::send_due() {
  if (std::exchange(due_, false))
    send_next();
}

void committer_state::send_next() {
  auto next = plan_.next();
  if (next.empty())
    return;
  std::vector<kafka::partition_offset> offsets;
  for (auto& each : next)
    offsets.push_back(to_offset(each));
  under_way_ = std::move(next);
  final_sent_ = final_answer_.pending();
  sent_at_ = std::chrono::steady_clock::now();
  if (auto err = shared_->poller->consumer().commit_async(offsets))
    answered({std::move(offsets), std::move(err), true});
}

kafka::partition_offset committer_state::to_offset(const plan_type::entry& from) const {
  core::completion_map map;
  if (auto it = partitions_.find(from.where); it != partitions_.end())
    map.topic = it->second.topic;
  map.out = from.what.beyond;
  return {from.where, from.what.offset, core::encode(map, from.what.offset, metadata_limit_)};
}

/// The broker refused a commit for the size of its metadata. False when less would not help.
bool committer_state::shrink_metadata() {
  if (metadata_limit_ == 0)
    return false;
  metadata_limit_ /= 2;
  if (metadata_limit_ < least_metadata)
    metadata_limit_ = 0;
  shared_->log->warning(log::component::committer,
                        "the broker takes less metadata with a commit (offset.metadata.max.bytes): "
                        "completion maps have at most "
                          + std::to_string(metadata_limit_)
                          + " bytes from now on, so more records may come again after a crash");
  return true;
}

void committer_state::answered(const kafka::offsets_committed& answer) {
  auto sent = std::exchange(under_way_, {});
  plan_.answered(sent, !answer.error);
  if (answer.error) {
    auto again = answer.metadata_too_large ? shrink_metadata() : answer.retriable;
    auto problem = "commit failed" + std::string{again ? ", trying again: " : ": "}
                   + describe(answer.error);
    if (auto line = problems_.pass(problem, std::chrono::steady_clock::now()))
      shared_->log->warning(log::component::committer, *line);
    if (final_answer_.pending()) {
      if (!again && final_sent_)
        settle_final(answer.error);
      else // the commit that failed may have been an earlier one
        tell_later(*self_, retry_interval, retry_atom_v);
    }
    return;
  }
  for (auto& each : sent)
    if (auto it = partitions_.find(each.where); it != partitions_.end())
      it->second.meter->committed = each.what.offset;
  shared_->totals->note_commit(std::chrono::steady_clock::now() - sent_at_);
  settle_final({});
  send_next(); // what moved meanwhile can wait for the tick, but a final commit cannot
}

caf::result<void> committer_state::last_commit(const final_commit& asked) {
  final_.clear();
  for (auto& each : asked.partitions) {
    if (each.what.beyond.empty()) // or not known, of one that died: what it said last is still true
      plan_.moved(each.where, each.what.offset);
    else
      plan_.moved(each.where, each.what);
    final_.push_back(each.where);
  }
  final_answer_ = self_->make_response_promise<void>();
  auto answer = final_answer_;
  send_next();
  settle_final({});
  return answer;
}

void committer_state::settle_final(const caf::error& reason) {
  if (!final_answer_.pending())
    return;
  auto sent = [this](const kafka::topic_partition& where) { return plan_.sent(where); };
  if (!reason && (plan_.under_way() || !std::all_of(final_.begin(), final_.end(), sent)))
    return;
  forget(std::exchange(final_, {}));
  if (reason)
    final_answer_.deliver(reason);
  else
    final_answer_.deliver();
}

} // namespace keyloom::actors
