#include "runtime/work/timed_calls.hpp"

namespace keyloom::work {

bool timed_calls::make(core::run&& jobs) {
  under_way_ = std::move(jobs);
  caf::error failed;
  auto copies = copy(under_way_, failed);
  if (failed) {
    fail(failed);
    return false;
  }
  auto slot = under_way_.first->slot;
  auto count = under_way_.count;
  clock_.begin(index_, *this);
  core::run ended;
  core::process_next(stage_, copies, ended); // all of them: they are of one call
  auto in_time = clock_.end(index_, *this);
  if (in_time)
    give_back(std::move(ended));
  else
    memory_->back().call_returned(index_, slot, count);
  for (auto& each : copies_)
    stage_.clear(*each);
  return in_time && stage_.failure(*done_.last) == nullptr;
}

core::run timed_calls::take_done() {
  done_.memory = memory_;
  return std::exchange(done_, core::run{});
}

core::run timed_calls::copy(const core::run& jobs, caf::error& failed) {
  core::run result;
  size_t used = 0;
  for (auto* j = jobs.first; j != nullptr && !failed; j = j->next) {
    if (used == copies_.size())
      copies_.push_back(stage_.make_job());
    auto& mine = *copies_[used++];
    failed = core::lend(stage_, *j, mine);
    mine.stage = j->stage;
    j->begun.store(true, std::memory_order_relaxed);
    result.append(mine);
  }
  if (failed)
    for (auto& each : copies_)
      stage_.clear(*each);
  return result;
}

void timed_calls::give_back(core::run&& copies) {
  while (auto* copy = copies.take()) {
    auto& j = *under_way_.take();
    core::give_back(stage_, *copy, j);
    done_.append(j);
  }
}

void timed_calls::fail(const caf::error& reason) {
  while (auto* j = under_way_.take()) {
    stage_.fail(*j, reason);
    done_.append(*j);
  }
}

void timed_calls::expired() {
  for (auto* j = under_way_.first; j != nullptr; j = j->next) {
    j->timed_out = true;
    j->keeps_key = true;
  }
  fail(core::timeout_error(stage_));
  memory_->back().finished(take_done());
}

} // namespace keyloom::work
