#include "runtime/testkit/session.hpp"

#include "runtime/work/home_gate.hpp"

#include <caf/make_counted.hpp>

namespace keyloom::rig {

namespace {

/// As the partition actor does it: how soon an output is tried again that found no room.
constexpr std::chrono::milliseconds retry_interval{5};

template <class T>
void lower(T& to, const std::optional<T>& other) {
  if (other && *other < to)
    to = *other;
}

} // namespace

session::session(std::shared_ptr<const core::plan> source, testkit_options options)
  : played(source->stages.size()), source_(std::move(source)), options_(options),
    random_(options.seed), next_commit_(now_ + source_->config.commit_interval),
    totals_(std::make_unique<core::source_meter>()),
    stage_meters_(std::make_unique<core::stage_meter[]>(source_->stages.size())),
    batches_(*source_, *this, options.seed) {
  auto arrived = [this] {
    if (!acting_)
      take_in();
  };
  way_back_ = std::make_shared<way_back>(arrived);
  call_box_ = caf::make_counted<call_box>(arrived);
  for (auto& stage : source_->stages)
    limits_.push_back(stage->limits());
  for (int32_t number = 0; number < options_.partitions; ++number)
    seats_.emplace_back(record_log{source_->config.topic, number},
                        record_log{source_->config.change_log, number});
  act([this] {
    for (int32_t number = 0; number < options_.partitions; ++number)
      assign(number);
  });
}

session::~session() {
  way_back_->parts.close();
  call_box_->calls.close();
}

namespace {

struct acting_guard {
  explicit acting_guard(bool& flag) : acting(flag) { acting = true; }
  acting_guard(const acting_guard&) = delete;
  acting_guard& operator=(const acting_guard&) = delete;
  ~acting_guard() { acting = false; }
  bool& acting;
};

} // namespace

void session::act(const std::function<void()>& what) {
  {
    acting_guard const acting{acting_};
    what();
    settle();
  }
  check_faults();
}

/// Something came from elsewhere. Who brings it must not be thrown at: a fault is said by the next
/// `act`.
void session::take_in() {
  acting_guard const acting{acting_};
  settle();
}

std::chrono::system_clock::time_point session::wall_now() const {
  return options_.wall_clock + (now_ - core::steady_time{std::chrono::hours{1}});
}

// -- what happens by itself
// ------------------------------------------------------------------------

/// Whatever may lead to something else.
std::array<uint64_t, 5> session::progress() const {
  auto assigned = std::count_if(seats_.begin(), seats_.end(),
                                [](const seat& each) { return each.now != nullptr; });
  return {totals_->records, totals_->out, producer_.unreported_count(),
          static_cast<uint64_t>(assigned), stopping_ ? uint64_t{1} : uint64_t{0}};
}

void session::settle() {
  follow_limits();
  for (auto before = progress();; before = progress()) {
    if (options_.acks == test_acks::at_once)
      acknowledge_waiting();
    for (int32_t number = 0; number < options_.partitions; ++number)
      follow_up(seat_of(number), number);
    auto brought = bring_back();
    brought |= bring_answers();
    brought |= bring_batches();
    if (!brought && before == progress())
      break;
  }
  auto unsent = std::any_of(seats_.begin(), seats_.end(), [](const seat& each) {
    return each.now && each.now->core().has_unsent();
  });
  if (!unsent)
    retry_at_.reset();
  else if (!retry_at_)
    retry_at_ = now_ + retry_interval;
}

/// What event_source::set_limits does in a source that runs.
void session::follow_limits() {
  auto same = [](const stage_limits& a, const stage_limits& b) {
    return a.concurrency == b.concurrency && a.waiting_per_worker == b.waiting_per_worker
           && a.concurrent_keys == b.concurrent_keys;
  };
  auto changed = false;
  for (size_t i = 0; i < limits_.size(); ++i) {
    auto now = source_->stages[i]->limits();
    changed |= !same(std::exchange(limits_[i], now), now);
  }
  for (auto& each : seats_)
    if (changed && each.now)
      each.now->core().limits_changed();
}

/// Work that was done elsewhere.
bool session::bring_back() {
  auto arrived = way_back_->parts.take();
  for (auto& part : arrived)
    for (auto& each : seats_)
      if (each.now && each.now->core().memory() == part.memory) {
        each.now->core().finished(std::move(part));
        break;
      }
  return !arrived.empty();
}

/// Lets batches leave, and takes their sets home; those of who was given up go nowhere.
bool session::bring_batches() {
  batches_.let_leave();
  auto arrived = batches_.take_news();
  for (auto& news : arrived)
    for (auto& each : seats_)
      if (each.now && each.now->core().memory() == news.done.memory) {
        each.now->core().sets_wait(news.waiting);
        each.now->core().finished(std::move(news.done));
        break;
      }
  return !arrived.empty();
}

void session::acknowledge_waiting() {
  report(producer_.unreported(), {});
}

/// What the source actor and the poller do for a partition when something has changed.
void session::follow_up(seat& of, int32_t number) {
  if (!of.now)
    return;
  if (!of.now->opened && *of.living == 1) {
    of.now->opened = true;
    of.now->core().open();
  }
  if (of.now->opened)
    take_records(of);
  if (of.now->core().stopped()) {
    of.now->desk().drop_waiting(); // no call that has not begun may begin
    batches_.drop(*of.now->core().memory());
    of.stop_reason = of.now->core().stop_reason();
    auto all = of.now->core().stops_source()
               || source_->config.on_error == failure_action::stop_source;
    if (all && !stopping_)
      stop();
  }
  if (of.now->deadline && source_->config.exactly_once)
    transact();
  if (of.now->deadline && (of.now->core().drained() || now_ >= *of.now->deadline))
    finish_hand_over(of, number);
}

void session::take_records(seat& from) {
  auto& meter = from.now->meter();
  auto credit = source_->credit();
  while (meter.open && !meter.starved) {
    if (!meter.has_room(credit, source_->config.window)) {
      meter.starved = true; // the partition says when there is room
      return;
    }
    auto size = static_cast<size_t>(core::partition_meter::intake_size(credit));
    auto batch = from.log.read(from.now->position, size);
    if (batch == nullptr)
      return;
    from.now->position = batch->next_offset();
    meter.in_flight += static_cast<int64_t>(batch->records().size());
    from.now->core().take(std::move(batch));
  }
}

// -- time
// ------------------------------------------------------------------------------------------

void session::advance(std::chrono::milliseconds by) {
  auto until = now_ + by;
  for (auto due = next_due(); due <= until; due = next_due()) {
    now_ = std::max(now_, due);
    come_due();
    settle();
  }
  now_ = until;
}

core::steady_time session::next_due() const {
  auto result = next_commit_;
  lower(result, retry_at_);
  lower(result, batches_.next_deadline());
  for (auto& each : seats_)
    if (each.now) {
      lower(result, each.now->deadline);
      lower(result, each.now->core().next_tick());
      lower(result, each.now->desk().next_deadline());
      lower(result, each.now->core().next_retry());
    }
  for (auto& [id, late] : late_)
    if (late.memory != nullptr)
      lower(result, late.waiting.due);
  return result;
}

void session::come_due() {
  if (retry_at_ && now_ >= *retry_at_) {
    retry_at_.reset();
    for (auto& each : seats_)
      if (each.now && each.now->core().has_unsent())
        each.now->core().retry_unsent();
  }
  time_out();
  for (auto& each : seats_)
    if (auto due = each.now ? each.now->core().next_retry() : std::nullopt; due && now_ >= *due)
      each.now->core().retry_due();
  for (auto& each : seats_)
    if (each.now)
      each.now->core().tick();
  if (now_ >= next_commit_) {
    next_commit_ = now_ + source_->config.commit_interval;
    commit();
  }
}

// -- outputs and commits
// ---------------------------------------------------------------------------

void session::report(std::span<const size_t> outputs, const caf::error& refused) {
  std::map<int32_t, std::vector<core::delivery>> news;
  std::vector<core::work_memory_ptr> memories; // events live as long as the reports on them
  for (auto index : outputs) {
    auto each = producer_.settle(index, refused);
    auto& to = seat_of(each.to.partition);
    if (to.now && to.now->epoch() == each.to.epoch)
      news[each.to.partition].push_back(std::move(each.what));
    memories.push_back(std::move(each.to.memory));
  }
  for (auto& [partition, reports] : news)
    seat_of(partition).now->core().delivered(reports);
}

void session::transact() {
  for (int32_t number = 0; number < options_.partitions; ++number) {
    auto& of = seat_of(number);
    if (!of.now)
      continue;
    auto& core = of.now->core();
    while (const auto* next = core.next_transaction(true)) {
      for (auto& from : next->events) {
        auto offset = from.offset();
        from.packed_ones().for_each(
          [&](auto& each) { producer_.committed(number, offset, each.unpack()); });
        if (from.whole != nullptr)
          for (auto& rec : from.whole->outputs)
            producer_.committed(number, offset, rec);
      }
      of.committed = next->reached.offset;
      of.metadata = core::encode({{}, next->reached.beyond}, next->reached.offset);
      of.now->meter().committed = next->reached.offset;
      totals_->commits.fetch_add(1);
      totals_->last_commit = now_.time_since_epoch().count();
      keep_entries(of, next->changes);
      core.committed(next->number);
    }
  }
}

void session::keep_entries(seat& of, std::span<core::turn_changes* const> changes) {
  core::entry_chooser chooser;
  for (auto& each : chooser.choose(changes, !source_->config.full_change_log)) {
    logged_record entry{std::string{each.key}, std::nullopt, decode_headers(each.headers),
                        of.change_log.end(), 0};
    if (each.value)
      entry.value.emplace(*each.value);
    if (!each.type.empty())
      entry.headers.push_back({"type", std::string{each.type}});
    of.change_log.append(std::move(entry));
  }
}

/// As the restorer does.
void session::restore(seat& to) {
  auto& core = to.now->core();
  core.begin_restore();
  if (auto entries = to.change_log.read(0, SIZE_MAX))
    core.restore(*entries);
  core.restored();
}

void session::commit() {
  if (source_->config.exactly_once) {
    transact();
    return;
  }
  for (int32_t number = 0; number < options_.partitions; ++number)
    if (auto& each = seat_of(number); each.now)
      commits_.moved(number, each.now->core().reached());
  auto next = commits_.next();
  if (next.empty())
    return;
  commits_.answered(next, true);
  for (auto& each : next) {
    auto& of = seat_of(each.where);
    of.committed = each.what.offset;
    of.metadata = core::encode({{}, each.what.beyond}, each.what.offset);
    if (of.now)
      of.now->meter().committed = each.what.offset;
  }
  totals_->commits.fetch_add(1);
  totals_->last_commit = now_.time_since_epoch().count();
}

// -- the lives of partitions
// -----------------------------------------------------------------------

void session::assign(int32_t partition) {
  auto& to = seat_of(partition);
  core::progress start{0};
  if (to.committed)
    start = core::choose_start({*to.committed, to.metadata}).at;
  surroundings around{
    source_,       *this,     producer_, skips_,   stops_,
    options_.seed, next_job_, batches_,  *totals_, {stage_meters_.get(), source_->stages.size()}};
  to.now = std::make_unique<assignment>(around, partition, start, ++epochs_);
  to.stop_reason.clear();
  ++*to.living;
  auto& memory = to.now->core().memory();
  memory->returns_to(way_back_, std::make_shared<work::home_gate>(*memory));
  memory->on_gone([living = to.living] { --*living; });
  commits_.add(partition, start);
  if (!source_->config.change_log.empty())
    restore(to);
}

void session::begin_hand_over(int32_t partition, std::chrono::milliseconds deadline) {
  auto& now = *seat_of(partition).now;
  now.core().begin_drain();
  batches_.hurry(*now.core().memory());
  now.deadline = now_ + deadline;
}

/// What it has out is committed, whatever is not is left to the next owner.
void session::finish_hand_over(seat& of, int32_t number) {
  commit();
  give_up(of, number);
}

void session::lose(int32_t partition) {
  give_up(seat_of(partition), partition);
}

void session::give_up(seat& of, int32_t number) {
  commits_.remove(number);
  auto& now = *of.now;
  now.core().give_up();
  now.desk().drop_waiting();
  batches_.drop(*now.core().memory());
  for (auto& each : now.desk().under_way())
    late_.emplace(each.id, late_job{each, now.core().memory()});
  of.now = nullptr;
}

void session::stop() {
  stopping_ = true;
  for (int32_t number = 0; number < options_.partitions; ++number)
    if (auto& each = seat_of(number); each.now && !each.now->deadline)
      begin_hand_over(number, source_->config.stop_deadline);
}

void session::crash() {
  late_.clear();
  calls_.clear();
  producer_.forget();
  for (int32_t number = 0; number < options_.partitions; ++number) {
    auto& each = seat_of(number);
    if (each.now)
      give_up(each, number);
    each.living = std::make_shared<size_t>(0);
  }
  batches_.clear();
  late_.clear();
  stopping_ = true;
}

void session::restart() {
  stopping_ = false;
  totals_ = std::make_unique<core::source_meter>();
  stage_meters_ = std::make_unique<core::stage_meter[]>(source_->stages.size());
  skips_.clear();
  stops_.clear();
  for (int32_t number = 0; number < options_.partitions; ++number)
    assign(number);
}

bool session::ended() const {
  if (stopping_)
    return true;
  auto any = false;
  for (auto& each : seats_)
    if (each.now) {
      any = true;
      if (!each.now->core().stopped())
        return false;
    }
  return any;
}

source_state session::state() const {
  source_state result;
  result.running = !stopping_;
  for (int32_t number = 0; number < options_.partitions; ++number) {
    auto& each = seats_[static_cast<size_t>(number)];
    if (!each.now)
      continue;
    auto& meter = each.now->meter();
    result.partitions.push_back({source_->config.topic, number, meter.state, meter.position,
                                 meter.committed, static_cast<uint64_t>(meter.in_flight.load()),
                                 each.stop_reason});
    meter.show_store(result.partitions.back(), now_);
  }
  for (uint32_t stage = 0; stage < source_->stages.size(); ++stage)
    if (source_->stages[stage]->kind() == processor_kind::batch)
      result.batchers.push_back(batches_.state_of(stage));
    else
      result.stages.push_back(state_of(stage));
  result.errors = stops_;
  result.records = totals_->records;
  result.out = totals_->out;
  result.already_out = totals_->already_out;
  result.skipped = totals_->skipped;
  result.dead_lettered = totals_->dead_lettered;
  result.retries = totals_->retries;
  result.parked = static_cast<uint64_t>(totals_->parked.load());
  for (auto& stage : result.stages) {
    result.retries += stage.retries;
    result.parked += stage.parked;
  }
  for (auto& batcher : result.batchers) {
    result.retries += batcher.retries;
    result.parked += batcher.parked;
  }
  result.forwarded = totals_->forwarded;
  result.commits = totals_->commits;
  result.interjections = totals_->interjections;
  result.interjections_failed = totals_->interjections_failed;
  result.interjections_open = static_cast<uint64_t>(totals_->interjections_open.load());
  result.in_flight_max = static_cast<uint64_t>(totals_->in_flight_max.load());
  return result;
}

stage_state session::state_of(uint32_t stage) const {
  auto count = [](int64_t number) { return static_cast<uint64_t>(std::max<int64_t>(number, 0)); };
  auto of_stage = [stage](const job_desk::waiting_job& each) { return each.stage == stage; };
  auto& meter = stage_meters_[stage];
  int64_t running = 0;
  for (auto& each : seats_)
    if (each.now)
      running += std::ranges::count_if(each.now->desk().under_way(), of_stage);
  stage_state result{.name = source_->stages[stage]->name()};
  result.running = count(running);
  result.waiting = count(meter.jobs - running);
  result.keys = count(meter.keys);
  result.timed_out = meter.timed_out;
  result.late_answers = meter.late_answers;
  result.retries = meter.retries;
  result.parked = count(meter.parked);
  return result;
}

/// A fault of keyloom, not of the test.
void session::check_faults() {
  for (auto& each : seats_)
    if (each.now && !each.now->desk().faults().empty())
      throw std::runtime_error{"keyloom has a fault: " + each.now->desk().faults().front()};
}

} // namespace keyloom::rig
