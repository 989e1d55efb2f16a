#include "runtime/kafka/change_log_reader.hpp"

#include "runtime/kafka/consumer.hpp"
#include "runtime/kafka/partition_list.hpp"

#include <keyloom/errc.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace keyloom::kafka {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::seconds ask_timeout{5};
constexpr std::chrono::milliseconds look_up_interval{50};
constexpr std::chrono::milliseconds nap{2}; // nothing was there to read
constexpr std::chrono::seconds progress_interval{1};
constexpr size_t records_at_once = 5000;
constexpr size_t bytes_at_once = 1 << 20;
constexpr int log_info = 6;

/// One that is read.
struct reading {
  uint64_t order = 0; ///< one that is cancelled and ordered again has another
  clock::time_point began = clock::now();
  clock::time_point told = began;
  bool started = false; ///< offsets and end are known
  change_log_reader::start start = {};
  change_log_reader::progress progress = {};
};

/// The user's properties without those that have no meaning for a reader without a group.
properties of_reader(properties users) {
  for (const auto* name : {"group.id", "group.instance.id", "group.protocol", "isolation.level",
                           "auto.offset.reset", "session.timeout.ms", "heartbeat.interval.ms",
                           "max.poll.interval.ms", "partition.assignment.strategy"})
    users.erase(name);
  users["isolation.level"] = "read_committed";
  return users;
}

} // namespace

struct change_log_reader::impl {
  impl(config settings, restore_port& to) : cfg(std::move(settings)), port(to) {}

  using lock = std::unique_lock<std::mutex>;

  void run();
  bool work(lock& guard);
  void look_up(lock& guard);
  caf::expected<std::map<int32_t, start>> ask(const std::vector<int32_t>& partitions);
  void start_one(int32_t partition, reading& of);
  caf::error connect();
  bool read(int32_t partition, reading& of);
  void hear_events();
  void unassign_forgotten();
  caf::error still_pending(int32_t partition) const;
  void tell_progress(int32_t partition, reading& of);
  void end(int32_t partition, const caf::error& reason);
  void forget(int32_t partition);
  topic_partition log_of(int32_t partition) const { return {cfg.change_log, partition}; }

  config cfg;
  restore_port& port;

  std::mutex mutex; ///< held while the port is called, so that `cancel` is sure; not while we wait
  std::condition_variable changed;
  std::map<int32_t, reading> partitions; ///< guarded by it
  uint64_t orders = 0;                   ///< as well
  bool stopping = false;                 ///< as well
  std::unique_ptr<cluster> asks;         ///< this and what follows: the thread's
  clock::time_point next_look_up;
  std::unique_ptr<consumer> reads;
  std::vector<topic_partition> to_unassign; ///< guarded: of partitions that were forgotten
  std::thread thread;
};

void change_log_reader::impl::run() {
  lock guard{mutex};
  while (!stopping) {
    if (partitions.empty()) {
      to_unassign.clear();
      guard.unlock();
      reads.reset(); // takes its time
      guard.lock();
      changed.wait(guard, [this] { return stopping || !partitions.empty(); });
    } else if (!work(guard)) {
      changed.wait_for(guard, nap);
    }
  }
}

/// True when there was something to read.
bool change_log_reader::impl::work(lock& guard) {
  look_up(guard);
  unassign_forgotten();
  auto busy = false;
  for (auto i = partitions.begin(); i != partitions.end();) {
    auto& [partition, of] = *i++; // it may be done
    if (of.started)
      busy = read(partition, of) || busy;
  }
  if (reads)
    hear_events();
  return busy;
}

// -- where it begins and ends ---------------------------------------------------------------------

void change_log_reader::impl::look_up(lock& guard) {
  std::map<int32_t, uint64_t> waiting;
  for (auto& [partition, of] : partitions)
    if (!of.started)
      waiting.emplace(partition, of.order);
  if (waiting.empty() || clock::now() < next_look_up)
    return;
  std::vector<int32_t> wanted;
  for (auto& each : waiting)
    wanted.push_back(each.first);
  guard.unlock();
  auto found = ask(wanted);
  guard.lock();
  next_look_up = clock::now() + look_up_interval;
  for (auto [partition, order] : waiting) {
    auto i = partitions.find(partition);
    if (i == partitions.end() || i->second.order != order)
      continue; // forgotten meanwhile
    if (found && found->contains(partition)) {
      i->second.start = std::move(found->at(partition));
      start_one(partition, i->second);
    } else if (clock::now() - i->second.began >= cfg.timeout) {
      end(partition, found ? still_pending(partition) : found.error());
    }
  }
}

caf::error change_log_reader::impl::still_pending(int32_t partition) const {
  return caf::make_error(errc::timed_out, "the offset of " + name_of({cfg.source, partition})
                                            + " that group " + cfg.group
                                            + " has committed waits for a transaction that does "
                                              "not end: see transaction.timeout.ms of its owner");
}

caf::expected<std::map<int32_t, change_log_reader::start>>
change_log_reader::impl::ask(const std::vector<int32_t>& wanted) {
  if (!asks) {
    auto made = cluster::make(cfg.brokers, cfg.kafka);
    if (!made)
      return std::move(made.error());
    asks = std::move(*made);
  }
  std::vector<topic_partition> sources;
  for (auto partition : wanted)
    sources.push_back({cfg.source, partition});
  auto offsets = asks->stable_offsets(cfg.group, sources, ask_timeout);
  if (!offsets)
    return std::move(offsets.error());
  std::map<int32_t, start> result;
  if (offsets->empty())
    return result;
  std::vector<topic_partition> logs;
  for (const auto& each : *offsets)
    logs.push_back(log_of(each.where.partition));
  // After the offsets, not before: the last transaction may have ended in between.
  auto ends = asks->log_ends(logs, ask_timeout);
  if (!ends) {
    asks
      = nullptr; // after a broker's restart an old client keeps asking under a leader's old epoch
    return std::move(ends.error());
  }
  for (auto& each : *offsets) {
    auto partition = each.where.partition;
    result[partition] = {.committed = std::move(each), .log = ends->at(log_of(partition))};
  }
  return result;
}

void change_log_reader::impl::start_one(int32_t partition, reading& of) {
  of.started = true;
  of.progress.remaining = of.start.log.high - of.start.log.low;
  port.found(partition, of.start);
  if (of.progress.remaining <= 0) {
    end(partition, {});
    return;
  }
  auto err = connect();
  unassign_forgotten(); // it may have been read before
  if (!err)
    err = reads->assign({{log_of(partition), -1}});
  if (err)
    end(partition, err);
}

caf::error change_log_reader::impl::connect() {
  if (reads)
    return {};
  auto made = consumer::make({.brokers = cfg.brokers,
                              .group = "keyloom-restores",
                              .kafka = of_reader(cfg.kafka),
                              .skip_headers = cfg.skip_headers,
                              .wake = {},
                              .log = cfg.log});
  if (!made)
    return std::move(made.error());
  reads = std::move(*made);
  return {};
}

// -- reading --------------------------------------------------------------------------------------

bool change_log_reader::impl::read(int32_t partition, reading& of) {
  if (!port.has_room(partition))
    return false;
  auto batch = reads->drain(log_of(partition), records_at_once, bytes_at_once);
  if (!batch)
    return false;
  auto position = batch->next_offset();
  of.progress.records += batch->records().size();
  of.progress.bytes += batch->bytes();
  of.progress.remaining = std::max<int64_t>(of.start.log.high - position, 0);
  if (!batch->empty())
    port.entries(partition, std::move(batch));
  if (position >= of.start.log.high)
    end(partition, {});
  else
    tell_progress(partition, of);
  return true;
}

void change_log_reader::impl::tell_progress(int32_t partition, reading& of) {
  if (clock::now() - of.told < progress_interval)
    return;
  of.told = clock::now();
  port.progressed(partition, of.progress);
}

void change_log_reader::impl::hear_events() {
  while (auto event = reads->next_event(std::chrono::milliseconds{0})) {
    if (auto* failed = std::get_if<partition_failed>(&*event)) {
      if (partitions.contains(failed->where.partition))
        end(failed->where.partition, failed->error);
    } else if (auto* problem = std::get_if<client_error>(&*event)) {
      if (problem->fatal)
        while (!partitions.empty())
          end(partitions.begin()->first, problem->error);
      else if (cfg.log)
        cfg.log(log_info, describe(problem->error));
    }
  }
}

/// The last word about it.
void change_log_reader::impl::end(int32_t partition, const caf::error& reason) {
  auto& of = partitions.at(partition);
  auto how_far = of.progress;
  auto position = of.start.log.high - how_far.remaining;
  forget(partition);
  if (reason)
    port.failed(partition, reason);
  else
    port.restored(partition, how_far, position);
}

void change_log_reader::impl::forget(int32_t partition) {
  if (partitions.at(partition).started)
    to_unassign.push_back(log_of(partition));
  partitions.erase(partition);
}

void change_log_reader::impl::unassign_forgotten() {
  auto which = std::exchange(to_unassign, {});
  if (!reads || which.empty())
    return;
  if (auto err = reads->unassign(which); err && cfg.log)
    cfg.log(log_info, describe(err));
}

// -- the public face ------------------------------------------------------------------------------

change_log_reader::change_log_reader(config settings, restore_port& port)
  : impl_(std::make_unique<impl>(std::move(settings), port)) {
  impl_->thread = std::thread{[this] { impl_->run(); }};
}

change_log_reader::~change_log_reader() {
  {
    std::lock_guard guard{impl_->mutex};
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
}

void change_log_reader::restore(const std::vector<int32_t>& partitions) {
  std::lock_guard guard{impl_->mutex};
  for (auto partition : partitions)
    impl_->partitions.try_emplace(partition, reading{.order = ++impl_->orders});
  impl_->changed.notify_all();
}

void change_log_reader::cancel(const std::vector<int32_t>& partitions) {
  std::lock_guard guard{impl_->mutex};
  for (auto partition : partitions)
    if (impl_->partitions.contains(partition))
      impl_->forget(partition);
}

} // namespace keyloom::kafka
