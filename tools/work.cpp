#include "tools/work.hpp"

#include "actors/caf_lines.hpp"
#include "actors/log_settings.hpp"
#include "actors/program_config.hpp"
#include "actors/stop_signal.hpp"
#include "runtime/core/state_text.hpp"
#include "tools/cluster_access.hpp"
#include "tools/delay_actor.hpp"
#include "tools/file_settings.hpp"
#include "tools/progress.hpp"
#include "tools/report.hpp"
#include "tools/work_source.hpp"

#include <keyloom/exec_main.hpp>

#include <caf/actor_system.hpp>

#include <sys/resource.h>

#include <algorithm>

namespace keyloom::tools {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// How often the worker looks whether the group has come to the end.
constexpr milliseconds look_interval{100};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double max_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

/// Knows what was the end of the topic at the start, and whether the group has committed it.
class end_watch {
public:
  end_watch(cluster_access& access, const work_options& options,
            std::vector<kafka::watermarks> ends)
    : access_(access), options_(options), ends_(std::move(ends)) {}

  uint64_t total() const {
    uint64_t result = 0;
    for (auto& each : ends_)
      result += static_cast<uint64_t>(each.high - each.low);
    return result;
  }

  /// True when every partition is committed up to its end, or stopped in this process.
  bool reached(const source_state& state) {
    auto committed = access_.cluster().group_offsets(options_.group, options_.topic,
                                                     access_.timeout());
    if (!committed)
      return false; // asked again soon; the source itself reports a broker that is gone
    auto stopped = [&state](int32_t partition) {
      return std::any_of(state.partitions.begin(), state.partitions.end(), [partition](auto& each) {
        return each.partition == partition && each.lifecycle == lifecycle::stopped;
      });
    };
    return std::all_of(committed->begin(), committed->end(), [&](auto& each) {
      auto index = static_cast<size_t>(each.where.partition);
      if (index >= ends_.size())
        return true;
      auto& end = ends_[index];
      return end.low == end.high || each.offset >= end.high || stopped(each.where.partition);
    });
  }

private:
  cluster_access& access_;
  const work_options& options_;
  std::vector<kafka::watermarks> ends_;
};

bool cannot_go_on(const source_state& state) {
  auto is_stopped = [](auto& each) { return each.lifecycle == lifecycle::stopped; };
  auto stopped = std::count_if(state.partitions.begin(), state.partitions.end(), is_stopped);
  auto all = stopped > 0 && static_cast<size_t>(stopped) == state.partitions.size();
  return all || state.errors.size() > static_cast<size_t>(stopped);
}

nlohmann::ordered_json make_report(const source_state& state, const latency_histogram& latency,
                                   double cpu) {
  auto seconds = state.last_commit > state.first_record
                     && state.first_record != steady_clock::time_point{}
                   ? std::chrono::duration<double>(state.last_commit - state.first_record).count()
                   : 0.0;
  nlohmann::ordered_json report;
  report["records"] = state.out;
  report["seconds"] = rounded(seconds, 3);
  report["rec_per_s"] = seconds > 0 ? rounded(static_cast<double>(state.out) / seconds, 0) : 0.0;
  report["cpu_s"] = rounded(cpu, 3);
  report["maxrss_mb"] = rounded(max_rss_mb(), 1);
  report["commits"] = state.commits;
  report["lat_p50_ms"] = rounded(latency.percentile_ms(0.50), 3);
  report["lat_p99_ms"] = rounded(latency.percentile_ms(0.99), 3);
  report["retries"] = state.retries;
  report["dead_lettered"] = state.dead_lettered;
  report["skipped"] = state.skipped;
  report["in_flight_max"] = state.in_flight_max;
  return report;
}

void use_failure_policy(const work_options& options, source_config& cfg) {
  if (!options.on_error.empty())
    cfg.on_error = options.on_error == "skip"          ? failure_action::skip
                   : options.on_error == "dead-letter" ? failure_action::dead_letter
                                                       : failure_action::stop_partition;
  if (!options.dlq.empty())
    cfg.dead_letter_topic = options.dlq;
  if (options.retries) {
    cfg.retry.times = *options.retries;
    cfg.retry.total = milliseconds{0};
  }
  if (cfg.on_error == failure_action::dead_letter
      || cfg.on_unreadable == failure_action::dead_letter)
    cfg.skip_headers = false; // they are part of a dead letter
}

/// The defaults, over them the configuration file, over that the command line.
caf::expected<source_config> make_config(const cluster_access& access,
                                         const work_options& options) {
  source_config cfg;
  cfg.skip_headers = true; // nothing is routed by type, and outputs have headers of their own
  if (auto err = use_file(access, cfg))
    return err;
  use_failure_policy(options, cfg);
  cfg.exactly_once |= options.exactly_once;
  cfg.change_log = options.state;
  cfg.group = options.group;
  cfg.topic = options.topic;
  if (options.http_port)
    cfg.http_port = *options.http_port;
  cfg.topics.clear();
  cfg.pattern.clear();
  if (options.inspect_port)
    cfg.inspect_port = options.inspect_port;
  if (!options.output_order.empty())
    cfg.output_order = options.output_order == "by_key"     ? output_order::by_key
                       : options.output_order == "by_event" ? output_order::by_event
                                                            : output_order::none;
  if (!options.key_turns.empty())
    cfg.key_turns = options.key_turns == "serial"        ? key_turns::serial
                    : options.key_turns == "interleaved" ? key_turns::interleaved
                                                         : key_turns::automatic;
  return cfg;
}

caf::error prepare_topics(cluster_access& access, const work_options& options) {
  auto partitions = access.partition_count(options.topic);
  if (!partitions)
    return std::move(partitions.error());
  return options.out.empty() ? caf::error{} : access.ensure_topic(options.out, *partitions);
}

/// What all partitions that restore their stores have done of it; none where none does.
std::optional<restore_state> restoring(const source_state& state) {
  std::optional<restore_state> result;
  for (auto& each : state.partitions) {
    if (each.lifecycle != lifecycle::restoring)
      continue;
    if (!result)
      result.emplace();
    result->entries += each.restore.entries;
    result->bytes += each.restore.bytes;
    result->seconds = std::max(result->seconds, each.restore.seconds);
    result->remaining += std::max<int64_t>(each.restore.remaining, 0);
  }
  return result;
}

/// Runs until a signal, the end or an error; the source is stopped afterwards.
void work_on(work_source& worker, end_watch& ends, actors::stop_signal& stop,
             const work_options& options) {
  progress shown{"working"};
  while (!stop.wait_until(steady_clock::now() + look_interval)) {
    auto state = worker.state();
    if (auto stores = restoring(state))
      shown.say("restoring stores: " + to_string(*stores));
    else
      shown.update(state.out, options.until_end ? ends.total() : 0);
    if (cannot_go_on(state) || (options.until_end && ends.reached(state)))
      break;
  }
  worker.stop();
}

} // namespace

int run_work(const work_options& options) {
  actors::stop_signal stop;
  auto access = cluster_access::open(options.common);
  if (!access)
    return fail(access.error());
  auto settings = make_config(*access, options);
  if (!settings)
    return fail(settings.error());
  caf::init_global_meta_objects<caf::id_block::keyloom_tools>();
  actors::program_config cfg;
  if (auto err = use_file(options.common, cfg))
    return fail(err);
  if (auto err = prepare_topics(*access, options))
    return fail(err);
  auto marks = access->cluster().query_watermarks(options.topic, access->timeout());
  if (!marks)
    return fail(marks.error());
  end_watch ends{*access, options, std::move(*marks)};
  actors::caf_lines lines{cfg};
  caf::actor_system system{cfg};
  lines.take_prints_of(system);
  auto worker = make_work_source(system, options, std::move(*settings));
  log::logger log{actors::read_log_settings(caf::content(cfg))};
  stop.on_dump([&] {
    worker->full_state(
      [&log](const source_state& seen) { log.info("asked by SIGUSR1: " + core::to_text(seen)); });
  });
  auto cpu = cpu_seconds();
  if (auto err = worker->start())
    return fail(err);
  work_on(*worker, ends, stop, options);
  stop.on_dump(nullptr);
  auto state = worker->state();
  print_report(make_report(state, worker->latency(), cpu_seconds() - cpu), options.common.json);
  return state.errors.empty() ? exit_ok : exit_failed;
}

} // namespace keyloom::tools
