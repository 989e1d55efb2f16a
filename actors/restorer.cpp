#include "actors/restorer.hpp"

#include "actors/partition_names.hpp"
#include "actors/send.hpp"
#include "actors/start_finder.hpp"
#include "runtime/core/state_gap.hpp"

namespace keyloom::actors {

namespace {

/// Batches of a partition that its actor has not applied yet.
constexpr int most_batches = 16;

/// While it takes longer, the log says so often how far it is.
constexpr std::chrono::seconds log_interval{5};

using clock = std::chrono::steady_clock;

kafka::change_log_reader::config reader_config(const services& shared) {
  auto& cfg = shared.source->config;
  kafka::change_log_reader::config result{cfg.brokers, cfg.kafka, cfg.group, cfg.topic,
                                          cfg.change_log};
  result.timeout = std::max(result.timeout, start_finder::limit_for(cfg));
  result.log = [log = shared.log](int level, const std::string& text) { log->kafka(level, text); };
  return result;
}

} // namespace

restorer::restorer(services& shared) : shared_(shared), reader_(reader_config(shared), *this) {
  // nop
}

void restorer::restore(const std::vector<target>& partitions) {
  std::vector<int32_t> numbers;
  {
    std::lock_guard guard{mutex_};
    for (auto& each : partitions) {
      targets_.insert_or_assign(each.start.where.partition, each);
      numbers.push_back(each.start.where.partition);
    }
  }
  reader_.restore(numbers);
}

void restorer::cancel(const std::vector<kafka::topic_partition>& partitions) {
  std::vector<int32_t> numbers;
  for (auto& each : partitions)
    numbers.push_back(each.partition);
  reader_.cancel(numbers);
  std::lock_guard guard{mutex_};
  for (auto number : numbers)
    targets_.erase(number);
}

std::optional<restorer::target> restorer::find(int32_t partition) {
  std::lock_guard guard{mutex_};
  auto it = targets_.find(partition);
  return it == targets_.end() ? std::nullopt : std::optional{it->second};
}

void restorer::found(int32_t partition, const kafka::change_log_reader::start& begin) {
  std::lock_guard guard{mutex_};
  auto it = targets_.find(partition);
  if (it == targets_.end())
    return;
  auto& to = it->second;
  to.begin = begin;
  to.told = clock::now();
  to.meter->restored_up_to = begin.log.low;
  to.meter->restore_end = begin.log.high;
  if (auto count = begin.log.high - begin.log.low; count > 0)
    shared_.log->info("restoring " + name_of(to.start.where) + " from " + std::to_string(count)
                      + " offsets of change log " + shared_.source->config.change_log);
}

/// Empty, or why what was restored does not belong to what the group has committed.
caf::error restorer::check(const target& to, uint64_t entries) const {
  auto& cfg = shared_.source->config;
  auto& [committed, log] = to.begin;
  auto problem = core::find_state_gap({committed.offset, committed.metadata, entries, log.high},
                                      cfg.exactly_once);
  if (problem.empty())
    return {};
  auto what = name_of(to.start.where) + ", change log " + cfg.change_log + ": " + problem;
  if (cfg.on_gap == gap_action::go_on) {
    shared_.log->warning(log::component::restorer,
                         what + "; going on with what the change log has (on-gap = continue)");
    return {};
  }
  return caf::make_error(
    errc::state_mismatch,
    what
      + "; set the group's offsets and the change log right together (to begin "
        "anew, delete both), or let on-gap be continue to go on with what the "
        "change log has");
}

void restorer::entries(int32_t partition, core::record_batch_ptr batch) {
  if (auto to = find(partition)) {
    to->meter->restoring_batches.fetch_add(1);
    post(to->partition, restored_entries{std::move(batch)});
  }
}

void restorer::progressed(int32_t partition, const progress&) {
  std::lock_guard guard{mutex_};
  auto it = targets_.find(partition);
  if (it == targets_.end() || clock::now() - it->second.told < log_interval)
    return;
  it->second.told = clock::now();
  shared_.log->info(log::component::restorer,
                    "restoring " + name_of(it->second.start.where) + ": "
                      + to_string(it->second.meter->how_far_restored(clock::now())));
}

void restorer::restored(int32_t partition, const progress& how_far, int64_t position) {
  if (auto to = find(partition)) {
    if (auto problem = check(*to, how_far.records)) {
      failed(partition, problem);
      return;
    }
    post(to->partition, partition_restored{to->start.where, position});
  }
}

void restorer::failed(int32_t partition, const caf::error& reason) {
  auto to = find(partition);
  if (!to)
    return;
  {
    std::lock_guard guard{mutex_};
    targets_.erase(partition);
  }
  post(to->partition, intake_failed{to->start.where, reason});
}

bool restorer::has_room(int32_t partition) {
  auto to = find(partition);
  return !to || to->meter->restoring_batches < most_batches;
}

} // namespace keyloom::actors
