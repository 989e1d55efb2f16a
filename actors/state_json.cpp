#include "actors/state_json.hpp"

#include "runtime/core/health.hpp"

#include <keyloom/inspector.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace keyloom::actors {

namespace {

using json = nlohmann::ordered_json;
using actors::to_value;

/// Keys and errors may hold any bytes, which is no reason to throw.
std::string dump(const json& what) {
  return what.dump(-1, ' ', false, json::error_handler_t::replace);
}

json to_value(const event_state& x) {
  json result{{"offset", x.offset},
              {"age_ms", x.age.count()},
              {"stage", x.stage},
              {"waits_for", x.waits_for}};
  if (x.key)
    result["key"] = *x.key;
  if (!x.interjection.empty())
    result["interjection"] = x.interjection;
  return result;
}

json to_value(const partition_state& x) {
  json result{{"topic", x.topic},
              {"partition", x.partition},
              {"lifecycle", to_string(x.lifecycle)},
              {"position", x.position},
              {"committed", x.committed},
              {"end", x.end},
              {"lag", x.lag},
              {"in_flight", x.in_flight},
              {"held_bytes", x.held_bytes},
              {"oldest_age_ms", x.oldest_age.count()},
              {"error", x.error},
              {"stall", x.stall},
              {"traced", x.traced}};
  if (auto& done = x.restore; done.seconds > 0)
    result["restore"] = {{"entries", done.entries},
                         {"bytes", done.bytes},
                         {"seconds", done.seconds},
                         {"remaining", done.remaining}};
  if (x.store_size)
    result["store_size"] = *x.store_size;
  if (x.store_digest)
    result["store_digest"] = *x.store_digest;
  if (x.oldest)
    result["oldest"] = to_value(*x.oldest);
  if (x.interjection)
    result["interjection"] = to_value(*x.interjection);
  return result;
}

json to_value(const stage_state& x) {
  return {{"name", x.name},
          {"kind", to_string(x.kind)},
          {"mode", to_string(x.mode)},
          {"paused", x.paused},
          {"paused_keys", x.paused_keys},
          {"concurrency", x.limits.concurrency},
          {"waiting_per_worker", x.limits.waiting_per_worker},
          {"concurrent_keys", x.limits.concurrent_keys},
          {"running", x.running},
          {"waiting", x.waiting},
          {"keys", x.keys},
          {"retries", x.retries},
          {"parked", x.parked},
          {"timed_out", x.timed_out},
          {"late_answers", x.late_answers},
          {"actors_made", x.actors_made},
          {"actors_alive", x.actors_alive},
          {"actors_evicted", x.actors_evicted}};
}

json to_value(const batcher_state& x) {
  return {{"name", x.name},
          {"paused", x.paused},
          {"max_batch_size", x.max_batch_size},
          {"max_concurrent_batches", x.max_concurrent_batches},
          {"running", x.running},
          {"waiting_items", x.waiting_items},
          {"sets", x.sets},
          {"batches", x.batches},
          {"items", x.items},
          {"largest", x.largest},
          {"retries", x.retries},
          {"parked", x.parked},
          {"actors_made", x.actors_made},
          {"actors_alive", x.actors_alive}};
}

json to_value(const key_state& x) {
  return {{"topic", x.topic},
          {"partition", x.partition},
          {"oldest", to_value(x.oldest)},
          {"jobs", x.jobs}};
}

json to_value(const source_history::sample& x) {
  json result{{"time_ms", x.time_ms},
              {"in_per_s", x.in_per_s},
              {"out_per_s", x.out_per_s},
              {"in_flight", x.in_flight},
              {"stages", json::array()}};
  for (auto& each : x.stages)
    result["stages"].push_back(
      {{"calls_per_s", each.calls_per_s}, {"p50_ms", each.p50_ms}, {"p99_ms", each.p99_ms}});
  return result;
}

json to_value(const commit_state& x) {
  return {{"kind", x.exactly_once ? "exactly once" : "at least once"},
          {"since_last_ms", x.since_last.count()},
          {"took_ms", static_cast<double>(x.took.count()) / 1000},
          {"pending", x.pending},
          {"open_transactions", x.open_transactions},
          {"aborts", x.aborts}};
}

json to_value(const seen_source& from);
json to_value(const past_source& from);

template <class T>
json to_array(const std::vector<T>& from) {
  auto result = json::array();
  for (auto& each : from)
    result.push_back(to_value(each));
  return result;
}

/// What the last second says of the stage or batcher of this name.
source_history::stage_sample rates_of(const seen_source& from, const std::string& name) {
  auto index
    = static_cast<size_t>(std::ranges::find(from.stage_names, name) - from.stage_names.begin());
  return index < from.latest.stages.size() ? from.latest.stages[index]
                                           : source_history::stage_sample{};
}

json to_value(const seen_source& from) {
  auto result = actors::to_value(from.state);
  result["sample"] = to_value(from.latest);
  result["sample_names"] = from.stage_names;
  for (auto& each : result["stages"]) {
    auto rates = rates_of(from, each["name"]);
    each["calls_per_s"] = rates.calls_per_s;
    each["p50_ms"] = rates.p50_ms;
    each["p99_ms"] = rates.p99_ms;
  }
  for (auto& each : result["batchers"]) {
    auto rates = rates_of(from, each["name"]);
    each["batches_per_s"] = rates.calls_per_s;
    each["p99_ms"] = rates.p99_ms;
  }
  return result;
}

json to_value(const past_source& from) {
  return {{"group", from.group}, {"topic", from.topic}, {"samples", to_array(from.samples)}};
}

} // namespace

json to_value(const source_state& x) {
  return {{"group", x.group},
          {"topic", x.topic},
          {"running", x.running},
          {"joined", x.joined},
          {"not_ready", core::reasons_not_ready(x)},
          {"records", x.records},
          {"out", x.out},
          {"already_out", x.already_out},
          {"skipped", x.skipped},
          {"dead_lettered", x.dead_lettered},
          {"retries", x.retries},
          {"parked", x.parked},
          {"forwarded", x.forwarded},
          {"commits", x.commits},
          {"interjections", x.interjections},
          {"interjections_open", x.interjections_open},
          {"partitions", to_array(x.partitions)},
          {"stages", to_array(x.stages)},
          {"batchers", to_array(x.batchers)},
          {"keys", to_array(x.keys)},
          {"committer", to_value(x.commit)},
          {"budget", {{"limit", x.budget}, {"held", x.held_bytes}, {"held_max", x.held_bytes_max}}},
          {"workers", {{"threads", x.workers.threads}, {"busy", x.workers.busy}}},
          {"errors", x.errors}};
}

json to_value(const system_state& x) {
  return {{"host", x.host},
          {"process", x.process},
          {"actors", x.actors},
          {"sources", to_array(x.sources)}};
}

std::string to_json(const std::vector<seen_source>& sources) {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return dump({{"time_ms", std::chrono::duration_cast<std::chrono::milliseconds>(now).count()},
               {"sources", to_array(sources)}});
}

std::string to_json(const std::vector<past_source>& sources) {
  return dump(to_array(sources));
}

} // namespace keyloom::actors
