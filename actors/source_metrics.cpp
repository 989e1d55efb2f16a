#include "actors/source_metrics.hpp"

#include "runtime/core/health.hpp"

#include <caf/telemetry/metric_registry.hpp>

#include <string_view>

namespace keyloom::actors {

namespace {

using caf::string_view;
using caf::telemetry::label_view;
using caf::telemetry::metric_registry;

constexpr double seconds_per_ns = 1e-9;

/// A metric that is a copy of a number of `Meter`. `unit` "1": none, or a number of what the name
/// says.
template <class Meter, class Number>
struct copied {
  std::string_view name;
  std::string_view unit;
  std::string_view help;
  std::atomic<Number> Meter::*from;
};

using core::batcher_meter;
using core::source_meter;
using core::stage_meter;

// clang-format off
constexpr copied<source_meter, uint64_t> source_counters[] = {
  {"records-in", "1", "Records taken in.", &source_meter::records},
  {"records-out", "1", "Records that are out: complete, and their outputs acknowledged or committed.", &source_meter::out},
  {"records-already-out", "1", "Records taken in that were out before, as the group's commit said.", &source_meter::already_out},
  {"records-skipped", "1", "Records given up by the failure policy skip.", &source_meter::skipped},
  {"dead-letters", "1", "Records that are out as dead letters.", &source_meter::dead_lettered},
  {"records-forwarded", "1", "Output records that were acknowledged.", &source_meter::forwarded},
  {"in", "bytes", "Keys, values and headers of records taken in.", &source_meter::bytes_in},
  {"out", "bytes", "Keys, values and headers of outputs that are out.", &source_meter::bytes_out},
  {"commits", "1", "Commits that were acknowledged; under exactly once transactions.", &source_meter::commits},
  {"transaction-aborts", "1", "Times that transactions were aborted and had to go out again.", &source_meter::aborts},
  {"handler-retries", "1", "Calls of handlers that were made again after an error.", &source_meter::retries},
  {"interjections", "1", "Interjections begun.", &source_meter::interjections},
  {"interjections-failed", "1", "Interjections of which a turn failed.", &source_meter::interjections_failed},
  {"partitions-assigned", "1", "Partitions that rebalances gave to this source.", &source_meter::partitions_assigned},
  {"partitions-revoked", "1", "Partitions that rebalances took from this source.", &source_meter::partitions_revoked},
  {"partitions-lost", "1", "Partitions that were lost without a hand-over.", &source_meter::partitions_lost},
};

constexpr copied<source_meter, int64_t> source_gauges[] = {
  {"in-flight", "records", "Records taken in and not out.", &source_meter::in_flight},
  {"parked-events", "1", "Events whose handlers failed and are to be called again.", &source_meter::parked},
  {"open-interjections", "1", "Interjections begun and not out.", &source_meter::interjections_open},
};

constexpr copied<stage_meter, uint64_t> stage_counters[] = {
  {"stage.calls", "1", "Calls that have ended; of stages that work by run, the jobs in them.", &stage_meter::calls},
  {"stage.retries", "1", "Calls made again after an error.", &stage_meter::retries},
  {"stage.timeouts", "1", "Jobs that failed because their call took too long.", &stage_meter::timed_out},
  {"stage.late-answers", "1", "Answers dropped because nobody waited for them any more.", &stage_meter::late_answers},
  {"stage.actors-made", "1", "Handler actors made.", &stage_meter::actors_made},
  {"stage.actors-evicted", "1", "Handler actors ended to make room for other keys.", &stage_meter::actors_evicted},
};

constexpr copied<stage_meter, int64_t> stage_gauges[] = {
  {"stage.running-calls", "1", "Calls and requests under way; compute stages do not count theirs.", &stage_meter::running},
  {"stage.open-jobs", "1", "Jobs scheduled and not finalized.", &stage_meter::jobs},
  {"stage.open-keys", "1", "Keys with such jobs; 0 in compute stages.", &stage_meter::keys},
  {"stage.parked-jobs", "1", "Jobs that failed and wait for their next call.", &stage_meter::parked},
  {"stage.actors", "1", "Handler actors that have not ended.", &stage_meter::actors_alive},
};

constexpr copied<batcher_meter, uint64_t> batcher_counters[] = {
  {"batcher.batches", "1", "Batches executed.", &batcher_meter::batches},
  {"batcher.items", "1", "Items in executed batches.", &batcher_meter::items},
  {"batcher.retries", "1", "Items executed again after an error.", &batcher_meter::retries},
};

constexpr copied<batcher_meter, uint64_t> batcher_gauges[] = {
  {"batcher.running-batches", "1", "Batches under way.", &batcher_meter::running},
  {"batcher.waiting-items", "1", "Items in no batch yet.", &batcher_meter::waiting_items},
  {"batcher.parked-items", "1", "Items that failed and wait to be executed again.", &batcher_meter::parked},
};

struct own_gauge {
  std::string_view name;
  std::string_view unit;
  std::string_view help;
};

// As source_metrics::copy sets them, behind source_gauges.
constexpr own_gauge more_source_gauges[] = {
  {"held", "bytes", "Held of the byte budget, by all sources that share it."},
  {"ready", "1", "1 when all assigned partitions are active and none stands still."},
  {"partitions", "1", "Partitions assigned."},
  {"open-transactions", "1", "Transactions sent and not committed."},
};

// As gauge_values has them.
constexpr own_gauge partition_table[] = {
  {"partition.active", "1", "1 while records of the partition are worked on here."},
  {"partition.stalled", "1", "1 while its oldest event has not moved for stall.warning."},
  {"partition.lag", "records", "Offsets from the lowest one not out to the partition's end."},
  {"partition.in-flight", "records", "Records taken in and not out."},
  {"partition.held", "bytes", "Held of the byte budget."},
  {"partition.committed-offset", "1", "The last offset this assignment committed."},
  {"partition.restore-left", "records", "Records of its change log that are left to restore."},
  {"partition.restored-entries", "1", "Records of its change log that were restored."},
  {"partition.restored", "bytes", "Bytes of its change log that were restored."},
};
// clang-format on

std::array<int64_t, std::size(partition_table)> gauge_values(const partition_state& of) {
  return {of.lifecycle == lifecycle::active ? 1 : 0,
          of.stall.empty() ? 0 : 1,
          std::max<int64_t>(of.lag, 0),
          static_cast<int64_t>(of.in_flight),
          static_cast<int64_t>(of.held_bytes),
          std::max<int64_t>(of.committed, 0),
          std::max<int64_t>(of.restore.remaining, 0),
          static_cast<int64_t>(of.restore.entries),
          static_cast<int64_t>(of.restore.bytes)};
}

/// As the text format wants it, which CAF leaves to us.
std::string label_value(const std::string& text) {
  std::string result;
  for (auto c : text) {
    if (c == '\\' || c == '"')
      result += '\\';
    if (c == '\n')
      result += "\\n";
    else
      result += c;
  }
  return result;
}

auto* counter_in(metric_registry& registry, const auto& what, caf::span<const label_view> labels) {
  return registry.counter_instance("keyloom", what.name, labels, what.help, what.unit, true);
}

auto* gauge_in(metric_registry& registry, const auto& what, caf::span<const label_view> labels) {
  return registry.gauge_instance("keyloom", what.name, labels, what.help, what.unit);
}

histogram_copy histogram_in(metric_registry& registry, const own_gauge& what,
                            caf::span<const label_view> labels, std::span<const int64_t> bounds,
                            double unit) {
  std::vector<double> upper;
  for (auto each : bounds)
    upper.push_back(static_cast<double>(each) * unit);
  std::vector<string_view> names;
  for (auto& each : labels)
    names.push_back(each.name());
  auto* family = registry.histogram_family<double>("keyloom", what.name, names, upper, what.help,
                                                   what.unit);
  return {family->get_or_add(labels), unit};
}

} // namespace

source_metrics::source_metrics(metric_registry& to, std::string group, const source_board& from)
  : registry_(to), group_(label_value(group)), board_(from) {
  label_view labels[] = {{"group", group_}};
  for (auto& each : source_counters)
    totals_.emplace_back(counter_in(registry_, each, labels));
  for (auto& each : source_gauges)
    gauges_.push_back(gauge_in(registry_, each, labels));
  for (auto& each : more_source_gauges)
    gauges_.push_back(gauge_in(registry_, each, labels));
  commits_ = histogram_in(registry_,
                          {"commit-duration", "seconds",
                           "Time until the broker confirmed a commit; under exactly once since its "
                           "transaction was built."},
                          labels, core::time_bounds, seconds_per_ns);
}

void source_metrics::copy() {
  auto from = board_.read();
  auto state = board_.snapshot();
  std::lock_guard guard{mutex_};
  for (size_t i = 0; i < totals_.size(); ++i)
    totals_[i].set((*from.totals).*source_counters[i].from);
  size_t next = 0;
  for (auto& each : source_gauges)
    gauges_[next++]->value((*from.totals).*each.from);
  gauges_[next++]->value(static_cast<int64_t>(state.held_bytes));
  gauges_[next++]->value(core::reasons_not_ready(state).empty() ? 1 : 0);
  gauges_[next++]->value(static_cast<int64_t>(state.partitions.size()));
  gauges_[next++]->value(static_cast<int64_t>(state.commit.open_transactions));
  commits_->set(from.totals->commit_times);
  copy_partitions(state.partitions);
  if (from.stages)
    copy_stages(from);
}

void source_metrics::copy_partitions(const std::vector<partition_state>& from) {
  for (auto& [where, gone] : partitions_) {
    for (auto* each : gone.now)
      each->value(0);
    gone.oldest_age->value(0);
  }
  for (auto& each : from) {
    kafka::topic_partition where{each.topic, each.partition};
    auto found = partitions_.find(where);
    if (found == partitions_.end())
      found = partitions_.emplace(where, partition_metrics(where)).first;
    auto values = gauge_values(each);
    for (size_t i = 0; i < values.size(); ++i)
      found->second.now[i]->value(values[i]);
    found->second.oldest_age->value(std::chrono::duration<double>(each.oldest_age).count());
  }
}

void source_metrics::copy_stages(const source_board::meters& from) {
  for (size_t i = 0; i < from.stages->size(); ++i) {
    auto batcher = from.batchers.find(i);
    auto is_batcher = batcher != from.batchers.end();
    if (i == stages_.size())
      stages_.emplace_back();
    auto& to = stages_[i];
    if (to.histograms.size() != (is_batcher ? 2U : 1U)) // new, or only now known as a batcher
      to = is_batcher ? batcher_metrics(from.stage_names[i]) : stage_metrics(from.stage_names[i]);
    auto copy_all = [&to](const auto& meter, const auto& counters, const auto& now) {
      for (size_t n = 0; n < std::size(counters); ++n)
        to.counters[n].set(meter.*counters[n].from);
      for (size_t n = 0; n < std::size(now); ++n)
        to.now[n]->value(static_cast<int64_t>((meter.*now[n].from).load()));
    };
    if (is_batcher) {
      auto& meter = *batcher->second;
      copy_all(meter, batcher_counters, batcher_gauges);
      to.histograms[0].set(meter.sizes);
      to.histograms[1].set(meter.took);
    } else {
      auto& meter = (*from.stages)[i];
      copy_all(meter, stage_counters, stage_gauges);
      to.histograms[0].set(meter.took);
    }
  }
}

source_metrics::named source_metrics::stage_metrics(const std::string& stage) {
  auto shown = label_value(stage);
  label_view labels[] = {{"group", group_}, {"stage", shown}};
  named result;
  for (auto& each : stage_counters)
    result.counters.emplace_back(counter_in(registry_, each, labels));
  for (auto& each : stage_gauges)
    result.now.push_back(gauge_in(registry_, each, labels));
  result.histograms.push_back(
    histogram_in(registry_,
                 {"stage.call-duration", "seconds",
                  "Time a call took, or a request until it was answered; of compute stages the "
                  "mean of calls that were made together."},
                 labels, core::time_bounds, seconds_per_ns));
  return result;
}

source_metrics::named source_metrics::batcher_metrics(const std::string& batcher) {
  auto shown = label_value(batcher);
  label_view labels[] = {{"group", group_}, {"batcher", shown}};
  named result;
  for (auto& each : batcher_counters)
    result.counters.emplace_back(counter_in(registry_, each, labels));
  for (auto& each : batcher_gauges)
    result.now.push_back(gauge_in(registry_, each, labels));
  result.histograms.push_back(histogram_in(
    registry_, {"batcher.batch-size", "items", "Items of a batch."}, labels, core::size_bounds, 1));
  result.histograms.push_back(histogram_in(
    registry_, {"batcher.batch-duration", "seconds", "Time until a batch was executed."}, labels,
    core::time_bounds, seconds_per_ns));
  return result;
}

source_metrics::of_partition
source_metrics::partition_metrics(const kafka::topic_partition& where) {
  auto topic = label_value(where.topic);
  auto number = std::to_string(where.partition);
  label_view labels[] = {{"group", group_}, {"partition", number}, {"topic", topic}};
  of_partition result;
  for (auto& each : partition_table)
    result.now.push_back(gauge_in(registry_, each, labels));
  result.oldest_age = registry_.gauge_instance<double>(
    "keyloom", "partition.oldest-event-age", labels,
    "Time since the oldest record that is not out was taken in; 0: all are out.", "seconds");
  return result;
}

} // namespace keyloom::actors
