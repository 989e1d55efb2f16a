#include "runtime/core/partition.hpp"

#include <caf/make_counted.hpp>

#include <algorithm>

namespace keyloom::core {

namespace {

caf::error refused_letter(const caf::error& reason) {
  return caf::make_error(errc::dead_letter_refused,
                         "its dead letter, or an output before it, was refused: " + describe(reason)
                           + "; the record stays uncommitted. Make dead-letter-topic take it "
                             "(max.message.bytes, rights), or raise message.max.bytes of the "
                             "producer");
}

order_gate::settings gate_settings(const plan& source) {
  auto& cfg = source.config;
  return {cfg.output_order, source.serial(), cfg.chain_limit, cfg.chain_time};
}

std::unique_ptr<output_gate> make_output_gate(const plan& source, const detail::store_port* store,
                                              progress start) {
  output_gate::settings settings{.order = source.config.output_order};
  if (store != nullptr)
    settings.scope = store->scope();
  settings.map_room -= mark_bytes;
  return std::make_unique<output_gate>(settings, std::move(start));
}

} // namespace

partition::partition(std::string topic, int32_t number, progress start, shared common,
                     partition_meter& meter, ports out)
  : topic_(std::move(topic)), number_(number), common_(std::move(common)), meter_(meter), out_(out),
    memory_(caf::make_counted<work_memory>(common_.source)), tracker_(start.offset, start.beyond),
    gate_(gate_settings(*common_.source)), start_(start),
    interjections_(common_.source->interjections, common_.seed + static_cast<uint64_t>(number)),
    random_(
      static_cast<std::minstd_rand::result_type>(common_.seed + static_cast<uint64_t>(number))) {
  auto& stages = common_.source->stages;
  stages_.reserve(stages.size());
  for (uint32_t i = 0; i < stages.size(); ++i)
    stages_.emplace_back(i, *stages[i], common_.stages[i], out_.runs, common_.lanes_in_order,
                         common_.source->retry_of(i).enabled(), common_.runs_stop);
  meter_.position = start.offset;
  meter_.committable = start.offset;
  meter_.began = start.offset;
  meter_.beyond = tracker_.has_beyond();
}

/// False: its factory threw, and the partition has stopped.
bool partition::make_store() {
  auto failed = [this](const std::string& what) {
    stop(caf::make_error(errc::handler_failed, "topic " + topic_ + ", partition "
                                                 + std::to_string(number_)
                                                 + ": the store's factory threw" + what));
    return false;
  };
  try {
    if (!store_ && common_.source->make_store)
      store_ = common_.source->make_store(topic_, number_);
    if (store_ && !store_turns_)
      store_turns_.emplace(*store_);
    if (!exact_ && common_.source->config.exactly_once)
      exact_ = make_output_gate(*common_.source, store_.get(), std::move(start_));
    return true;
  } catch (const std::exception& ex) {
    return failed(std::string{": "} + ex.what());
  } catch (...) {
    return failed(" something that is no std::exception");
  }
}

void partition::open() {
  if (stopped() || !make_store())
    return;
  set_state(lifecycle::active);
  meter_.open = true;
  open_interjections();
}

void partition::take(record_batch_ptr batch) {
  auto count = static_cast<int64_t>(batch->records().size());
  if (state_ != lifecycle::active) {
    meter_.in_flight -= count; // the poller counted them
    return;
  }
  now_ = out_.clock.now();
  meter_.position.store(batch->next_offset(), std::memory_order_relaxed);
  common_.totals.records.fetch_add(static_cast<uint64_t>(count), std::memory_order_relaxed);
  common_.totals.bytes_in.fetch_add(batch->bytes() - static_cast<size_t>(count) * sizeof(record),
                                    std::memory_order_relaxed);
  auto in_flight = common_.totals.in_flight.fetch_add(count, std::memory_order_relaxed) + count;
  auto& max = common_.totals.in_flight_max;
  for (auto seen = max.load(); seen < in_flight && !max.compare_exchange_weak(seen, in_flight);) {
    // another partition moved the maximum: look again
  }
  if (count > 0 && meter_.oldest_since.load(std::memory_order_relaxed) == 0)
    note_oldest(now_); // for who looks before the handlers return
  to_backlog(std::move(batch));
  take_backlog_in();
  settle();
}

void partition::note_oldest(steady_time taken) {
  meter_.oldest_since.store(taken.time_since_epoch().count(), std::memory_order_relaxed);
}

void partition::to_backlog(record_batch_ptr batch) {
  auto& home = tracker_.open(batch, now_);
  auto count = static_cast<uint32_t>(batch->records().size());
  if (tracker_.inherits())
    skip_inherited(home, batch);
  else if (count > 0 || exact_)
    backlog_.push_back({&home, std::move(batch), 0, count});
}

void partition::skip_inherited(tracker::open_batch& home, const record_batch_ptr& batch) {
  auto count = static_cast<uint32_t>(batch->records().size());
  uint32_t next = 0;
  for (auto [begin, end] : tracker_.skip_inherited(home, *batch)) {
    already_out_count_ += begin - next;
    backlog_.push_back({&home, batch, begin, end, begin - next});
    next = end;
  }
  already_out_count_ += count - next;
  if (exact_)
    backlog_.push_back({&home, batch, count, count, count - next});
}

void partition::finished(run&& part) {
  if (given_up())
    return;
  now_ = out_.clock.now();
  while (auto* j = part.take()) {
    if (part.first != nullptr)
      prefetch(part.first->origin);
    come_back(*j);
  }
  take_backlog_in();
  settle();
}

void partition::call_returned(uint32_t stage, uint32_t slot, uint32_t jobs) {
  if (given_up())
    return;
  common_.stages[stage].late_answers.fetch_add(jobs, std::memory_order_relaxed);
  now_ = out_.clock.now();
  run passes;
  stages_[stage].call_returned(slot, jobs, passes);
  while (auto* pass = passes.take())
    end_pass(*pass);
  take_backlog_in();
  settle();
}

void partition::delivered(std::span<delivery> reports) {
  if (given_up())
    return;
  now_ = out_.clock.now();
  constexpr size_t ahead = 4;
  for (size_t i = 0; i < reports.size(); ++i) {
    if (i + ahead < reports.size())
      prefetch(reports[i + ahead].ev, 2 * 64);
    auto& report = reports[i];
    auto& ev = *report.ev;
    --ev.unacknowledged;
    if (report.refused) {
      refuse(ev, report.refused);
      continue;
    }
    ++forwarded_count_;
    if (ev.unacknowledged == 0 && ev.next_output == ev.outputs.size() && !ev.refused)
      out(ev);
  }
  retry_unsent();
}

void partition::retry_unsent() {
  if (given_up())
    return;
  now_ = out_.clock.now();
  send();
  take_backlog_in();
  settle();
}

void partition::limits_changed() {
  if (given_up())
    return;
  now_ = out_.clock.now();
  run passes;
  for (auto& stage : stages_)
    stage.pause(common_.source->stages[stage.index()]->held_back(), passes);
  while (auto* pass = passes.take())
    end_pass(*pass);
  take_backlog_in();
  settle();
}

void partition::begin_drain() {
  meter_.open = false;
  backlog_.clear();
  if (state_ != lifecycle::active)
    return;
  set_state(lifecycle::draining);
  drop_waiting_interjections();
}

bool partition::drained() const {
  if (exact_ && !nothing_commits_
      && (exact_->uncommitted() > 0 || (!stopped() && exact_->has_next())))
    return false;
  return waiting_acks_ == 0 && (stopped() || open_jobs_ == standing_jobs());
}

void partition::give_up() {
  if (given_up())
    return;
  meter_.open = false;
  memory_->give_up();
  backlog_.clear();
  for (auto& stage : stages_)
    stage.give_up();
  forget_parked();
  give_up_interjections();
  held_outputs_ = 0;
  held_items_ = 0;
  tell_account();
  if (meter_.account)
    meter_.account->close();
  common_.totals.in_flight.fetch_sub(static_cast<int64_t>(tracker_.in_flight()),
                                     std::memory_order_relaxed);
  set_state(lifecycle::unassigned);
}

void partition::take_backlog_in() {
  while (takes_in() && next_in_backlog()) {
    auto& from = backlog_.front();
    auto& ev = memory_->make_event();
    ev.home = from.home;
    ev.index = from.next++;
    if (from.next == from.end && !exact_)
      backlog_.pop_front();
    auto runs = gate_.enter(ev, now_);
    if (store_turns_ || !runs)
      admit(ev);
    if (!runs) {
      if (gate_.stands_behind(ev))
        copy_out(ev);
      continue;
    }
    handle(ev);
  }
  for (auto& stage : stages_)
    stage.flush();
}

/// Whether there is a record whose handler was not considered. What stands before it is told to the
/// output gate, which hears of all records in their order.
bool partition::next_in_backlog() {
  for (; !backlog_.empty(); backlog_.pop_front()) {
    auto& from = backlog_.front();
    if (exact_)
      pass_over(from);
    from.passed = 0;
    if (from.next < from.end)
      return true;
    if (exact_ && (backlog_.size() == 1 || backlog_[1].batch != from.batch))
      exact_->moved_to(from.batch->next_offset());
  }
  return false;
}

bool partition::takes_in() const {
  if (state_ != lifecycle::active || producer_full_)
    return false;
  return std::all_of(stages_.begin(), stages_.end(), [this](const stage_queue& queue) {
    return queue.accepts(common_.source->stages[queue.index()]->limits());
  });
}

void partition::complete(event& ev) {
  gate_.completed(ev, now_, permits_);
  if (gate_.stands_behind(ev))
    copy_out(ev);
  if (exact_)
    leave(ev);
  go_on();
}

void partition::go_on() {
  if (going_on_) // called by a handler that runs below: the loop comes to it
    return;
  going_on_ = true;
  for (size_t released = 0, runnable = 0; state_ != lifecycle::stopped;) {
    if (released < permits_.released.size())
      release(*permits_.released[released++]);
    else if (runnable < permits_.runnable.size() && state_ == lifecycle::active) {
      auto& next = *permits_.runnable[runnable++];
      if (!next.waiting) // an earlier one of its key was parked just now
        handle(next);
    } else
      break;
  }
  permits_.released.clear();
  permits_.runnable.clear();
  going_on_ = false;
}

void partition::release(event& ev) {
  if (exact_) // it leaves in a transaction
    return;
  ++waiting_acks_;
  if (ev.outputs.empty())
    out(ev);
  else
    unsent_.push_back(&ev); // sent with the others at the end of the message
}

/// Gives the producer what was released, in order, as far as it has room.
void partition::send() {
  producer_full_ = false;
  while (!unsent_.empty() && !producer_full_) {
    auto count = gather_outputs();
    caf::error reason;
    auto last = output_port::verdict::accepted;
    auto taken = out_.outputs.produce_all(sending_, last, reason);
    for (size_t i = 0; i < taken; ++i) {
      auto& ev = *sending_[i].ev;
      ++ev.unacknowledged;
      if (++ev.next_output < ev.outputs.size())
        continue;
      ev.outputs.clear(); // the producer has copied them
      ev.next_output = 0;
      unsent_.pop_front();
    }
    producer_full_ = last == output_port::verdict::queue_full;
    if (last == output_port::verdict::refused) {
      auto& ev = *std::exchange(unsent_.front(), nullptr);
      unsent_.pop_front();
      refuse(ev, reason);
    }
    if (taken < count)
      break;
  }
}

/// The outputs that go next, so many that one call is worth it.
size_t partition::gather_outputs() {
  constexpr size_t at_once = 1000;
  sending_.clear();
  for (auto* ev : unsent_) {
    for (auto i = ev->next_output; i < ev->outputs.size(); ++i)
      sending_.push_back({ev, &ev->outputs[i]});
    if (sending_.size() >= at_once)
      break;
  }
  return sending_.size();
}

void partition::refuse(event& ev, const caf::error& reason) {
  if (!std::exchange(ev.refused, true))
    --waiting_acks_;
  stop(located(ev, nullptr, ev.dead_letter ? refused_letter(reason) : reason));
}

void partition::out(event& ev) {
  if (meter_.traced.load(std::memory_order_relaxed))
    out_.incidents.traced(traced(ev));
  held_outputs_ -= ev.output_bytes;
  bytes_out_count_ += ev.payload_bytes;
  if (exact_) {
    forwarded_count_ += ev.outputs.size();
    ev.packed.for_each([this](auto&) { ++forwarded_count_; });
  } else {
    --waiting_acks_;
  }
  auto* interjected = ev.interjected;
  if (interjected == nullptr) {
    tracker_.out(*ev.home, ev.index, ev.copied);
    ++out_count_;
    dead_lettered_count_ += ev.dead_letter ? 1 : 0;
  }
  memory_->recycle(ev);
  if (interjected != nullptr)
    end_interjection(*interjected);
}

void partition::stop(caf::error reason) {
  if (stopped() || given_up())
    return;
  set_state(lifecycle::stopped);
  stop_reason_ = describe(reason);
  meter_.open = false;
  backlog_.clear();
  for (auto* ev :
       unsent_) // a part of their outputs may be with the producer; they will not get out
    if (!std::exchange(ev->refused, true))
      --waiting_acks_;
  unsent_.clear();
  memory_->give_up();
  for (auto& stage : stages_) // jobs that are dropped now never come back
    stage.give_up();
  forget_parked();
  interjections_.fail_asked(errc::given_up, "the partition stopped: " + stop_reason_);
  out_.incidents.stopped(reason);
}

void partition::tell_account() {
  auto held = held_outputs_ + held_items_;
  auto more = held - std::exchange(held_in_account_, held);
  if (!meter_.account || more == 0)
    return;
  if (more > 0)
    meter_.account->hold(more);
  else
    meter_.account->give_back(-more);
}

void partition::set_state(lifecycle next) {
  state_ = next;
  meter_.state = next;
}

void partition::settle() {
  if (!producer_full_)
    send();
  tell_account();
  if (store_)
    show_store();
  auto& totals = common_.totals;
  if (skipped_count_ > 0)
    totals.skipped.fetch_add(std::exchange(skipped_count_, 0), std::memory_order_relaxed);
  if (dead_lettered_count_ > 0)
    totals.dead_lettered.fetch_add(std::exchange(dead_lettered_count_, 0),
                                   std::memory_order_relaxed);
  if (bytes_out_count_ > 0)
    totals.bytes_out.fetch_add(std::exchange(bytes_out_count_, 0), std::memory_order_relaxed);
  if (forwarded_count_ > 0)
    totals.forwarded.fetch_add(std::exchange(forwarded_count_, 0), std::memory_order_relaxed);
  meter_.window.store(static_cast<int64_t>(tracker_.window()), std::memory_order_relaxed);
  meter_.committable.store(tracker_.committable(), std::memory_order_release);
  const auto* oldest = tracker_.oldest();
  note_oldest(oldest != nullptr ? oldest->taken : steady_time{});
  meter_.beyond.store(tracker_.has_beyond(), std::memory_order_relaxed);
  if (exact_)
    meter_.sendable.store(!stopped() && exact_->has_next(), std::memory_order_relaxed);
  if (out_count_ == 0 && already_out_count_ == 0)
    return;
  totals.out.fetch_add(out_count_, std::memory_order_relaxed);
  if (already_out_count_ > 0)
    totals.already_out.fetch_add(already_out_count_, std::memory_order_relaxed);
  auto count = std::exchange(out_count_, 0) + std::exchange(already_out_count_, 0);
  totals.in_flight.fetch_sub(static_cast<int64_t>(count), std::memory_order_relaxed);
  meter_.in_flight.fetch_sub(static_cast<int64_t>(count));
  auto& source = *common_.source;
  if (meter_.starved && meter_.has_room(source.credit(), source.config.window)
      && meter_.starved.exchange(false))
    out_.intake.credit_returned();
}

} // namespace keyloom::core
