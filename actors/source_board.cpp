#include "actors/source_board.hpp"

#include <algorithm>

namespace keyloom::actors {

namespace {

/// Of a moment on the steady clock; 0 when there was none.
std::chrono::milliseconds time_since(std::chrono::steady_clock::rep then,
                                     std::chrono::steady_clock::time_point now) {
  using std::chrono::steady_clock;
  steady_clock::time_point begin{steady_clock::duration{then}};
  return then == 0 || now < begin
           ? std::chrono::milliseconds{0}
           : std::chrono::duration_cast<std::chrono::milliseconds>(now - begin);
}

} // namespace

void source_board::on_ended(std::function<void()> callback) {
  std::lock_guard guard{mutex_};
  ended_ = std::move(callback);
}

void source_board::started() {
  std::lock_guard guard{mutex_};
  running_ = true;
}

void source_board::stopped() {
  std::lock_guard guard{mutex_};
  running_ = false;
}

void source_board::add(const kafka::topic_partition& where,
                       std::shared_ptr<core::partition_meter> meter) {
  std::lock_guard guard{mutex_};
  std::erase_if(rows_, [&](const row& each) { return each.where == where; });
  rows_.push_back({where, std::move(meter), {}, {}});
  std::sort(rows_.begin(), rows_.end(),
            [](const row& a, const row& b) { return a.where < b.where; });
}

void source_board::remove(const kafka::topic_partition& where, bool keep_failed) {
  std::lock_guard guard{mutex_};
  std::erase_if(rows_, [&](const row& each) {
    return each.where == where && (each.error.empty() || !keep_failed);
  });
}

void source_board::failed(const kafka::topic_partition& where, const std::string& reason) {
  std::lock_guard guard{mutex_};
  errors_.push_back(reason);
  for (auto& each : rows_)
    if (each.where == where)
      each.error = reason;
}

void source_board::failed(const std::string& reason) {
  std::lock_guard guard{mutex_};
  errors_.push_back(reason);
}

void source_board::stands(const kafka::topic_partition& where, const std::string& why) {
  std::lock_guard guard{mutex_};
  for (auto& each : rows_)
    if (each.where == where)
      each.stall = why;
}

bool source_board::trace(const kafka::topic_partition& where, bool on) {
  std::lock_guard guard{mutex_};
  auto it = std::ranges::find(rows_, where, &row::where);
  if (it == rows_.end())
    return false;
  it->meter->traced.store(on, std::memory_order_relaxed);
  return true;
}

void source_board::ended() {
  std::function<void()> callback;
  {
    std::lock_guard guard{mutex_};
    callback = ended_;
  }
  if (callback)
    callback();
}

std::shared_ptr<core::source_meter>
source_board::new_totals(std::shared_ptr<const core::byte_budget> budget) {
  std::lock_guard guard{mutex_};
  budget_ = std::move(budget);
  rows_.clear();
  errors_.clear();
  totals_ = std::make_shared<core::source_meter>();
  totals_->started = std::chrono::steady_clock::now().time_since_epoch().count();
  return totals_;
}

std::shared_ptr<std::vector<core::stage_meter>>
source_board::new_stages(std::vector<std::string> names) {
  std::lock_guard guard{mutex_};
  stages_ = std::make_shared<std::vector<core::stage_meter>>(names.size());
  stage_names_ = std::move(names);
  batchers_.clear();
  return stages_;
}

std::shared_ptr<core::batcher_meter> source_board::new_batcher(size_t index) {
  std::lock_guard guard{mutex_};
  return batchers_[index] = std::make_shared<core::batcher_meter>();
}

batcher_state source_board::batcher_snapshot(size_t index, const core::batcher_meter& meter) const {
  auto& as_stage = (*stages_)[index];
  return {.name = stage_names_[index],
          .running = meter.running,
          .waiting_items = meter.waiting_items,
          .sets = static_cast<uint64_t>(std::max<int64_t>(as_stage.jobs, 0)),
          .batches = meter.batches,
          .items = meter.items,
          .largest = meter.largest,
          .retries = meter.retries,
          .parked = meter.parked,
          .actors_made = as_stage.actors_made,
          .actors_alive = static_cast<uint64_t>(std::max<int64_t>(as_stage.actors_alive, 0))};
}

stage_state source_board::stage_snapshot(size_t index) const {
  auto count = [](int64_t number) { return static_cast<uint64_t>(std::max<int64_t>(number, 0)); };
  auto& meter = (*stages_)[index];
  stage_state result{.name = stage_names_[index]};
  result.running = count(meter.running);
  result.waiting = count(meter.jobs - meter.running);
  result.keys = count(meter.keys);
  result.timed_out = meter.timed_out;
  result.late_answers = meter.late_answers;
  result.retries = meter.retries;
  result.parked = count(meter.parked);
  result.actors_made = meter.actors_made;
  result.actors_alive = count(meter.actors_alive);
  result.actors_evicted = meter.actors_evicted;
  return result;
}

source_board::meters source_board::read() const {
  std::lock_guard guard{mutex_};
  return {totals_, rows_, stage_names_, stages_, batchers_, budget_};
}

source_state source_board::snapshot() const {
  using clock = std::chrono::steady_clock;
  auto now = clock::now();
  std::lock_guard guard{mutex_};
  auto& totals = *totals_;
  source_state result;
  result.running = running_;
  result.joined = totals.joined;
  result.errors = errors_;
  for (auto& each : rows_) {
    auto& meter = *each.meter;
    if (meter.committable > std::max<int64_t>(meter.committed, meter.began))
      ++result.commit.pending;
    result.partitions.push_back(partition_snapshot(each, now));
  }
  result.retries = totals.retries;
  result.parked = static_cast<uint64_t>(std::max<int64_t>(totals.parked, 0));
  for (size_t i = 0; i < stage_names_.size(); ++i) {
    if (auto batcher = batchers_.find(i); batcher != batchers_.end()) {
      auto& seen = result.batchers.emplace_back(batcher_snapshot(i, *batcher->second));
      result.retries += seen.retries;
      result.parked += seen.parked;
      continue;
    }
    auto& stage = result.stages.emplace_back(stage_snapshot(i));
    result.retries += stage.retries;
    result.parked += stage.parked;
  }
  result.records = totals.records;
  result.out = totals.out;
  result.already_out = totals.already_out;
  result.skipped = totals.skipped;
  result.dead_lettered = totals.dead_lettered;
  result.forwarded = totals.forwarded;
  result.commits = totals.commits;
  result.interjections = totals.interjections;
  result.interjections_failed = totals.interjections_failed;
  result.interjections_open
    = static_cast<uint64_t>(std::max<int64_t>(totals.interjections_open, 0));
  result.in_flight_max = static_cast<uint64_t>(totals.in_flight_max);
  if (budget_) {
    result.held_bytes = static_cast<uint64_t>(std::max<int64_t>(budget_->held(), 0));
    result.held_bytes_max = static_cast<uint64_t>(budget_->held_max());
  }
  result.first_record = clock::time_point{clock::duration{totals.first_record}};
  result.last_commit = clock::time_point{clock::duration{totals.last_commit}};
  auto since = std::max<clock::rep>(totals.last_commit, totals.started);
  result.commit.since_last = time_since(since, now);
  result.commit.took
    = std::chrono::duration_cast<std::chrono::microseconds>(clock::duration{totals.commit_took});
  result.commit.open_transactions = totals.open_transactions;
  result.commit.aborts = totals.aborts;
  return result;
}

partition_state source_board::partition_snapshot(const row& from,
                                                 std::chrono::steady_clock::time_point now) {
  auto& meter = *from.meter;
  partition_state result{.topic = from.where.topic, .partition = from.where.partition};
  result.lifecycle = meter.state;
  result.position = meter.position;
  result.committed = meter.committed;
  result.in_flight = static_cast<uint64_t>(std::max<int64_t>(meter.in_flight, 0));
  result.error = from.error;
  result.stall = from.stall;
  result.reached = meter.committable.load(std::memory_order_acquire);
  result.end = std::max<int64_t>(meter.end, meter.position); // what was read is there
  if (result.reached >= 0 && result.end >= 0)
    result.lag = std::max<int64_t>(result.end - result.reached, 0);
  if (meter.account)
    result.held_bytes = static_cast<uint64_t>(std::max<int64_t>(meter.account->held(), 0));
  result.oldest_age = time_since(meter.oldest_since, now);
  result.traced = meter.traced;
  meter.show_store(result, now);
  return result;
}

} // namespace keyloom::actors
