#include "tools/state_json.hpp"

namespace keyloom::tools {

namespace {

using json = nlohmann::ordered_json;

json known(int64_t number) {
  return number < 0 ? json{} : json(number);
}

json to_json(const event_state& from) {
  return {{"offset", known(from.offset)},
          {"interjection", from.interjection.empty() ? json{} : json(from.interjection)},
          {"key", from.key ? json(*from.key) : json{}},
          {"stage", from.stage.empty() ? json{} : json(from.stage)},
          {"age_ms", from.age.count()},
          {"waits_for", from.waits_for}};
}

json to_json(const partition_state& from) {
  return {{"topic", from.topic},
          {"partition", from.partition},
          {"lifecycle", to_string(from.lifecycle)},
          {"committed", known(from.committed)},
          {"position", known(from.position)},
          {"end", known(from.end)},
          {"lag", known(from.lag)},
          {"in_flight", from.in_flight},
          {"held_bytes", from.held_bytes},
          {"oldest_age_ms", from.oldest_age.count()},
          {"oldest", from.oldest ? to_json(*from.oldest) : json{}},
          {"interjection", from.interjection ? to_json(*from.interjection) : json{}},
          {"stall", from.stall},
          {"error", from.error},
          {"traced", from.traced},
          {"restored_entries", from.restored_entries},
          {"restore_left", from.restore_left}};
}

json to_json(const stage_state& from) {
  return {{"name", from.name},
          {"kind", to_string(from.kind)},
          {"mode", to_string(from.mode)},
          {"paused", from.paused},
          {"paused_keys", from.paused_keys},
          {"concurrency", from.limits.concurrency},
          {"waiting_per_worker", from.limits.waiting_per_worker},
          {"concurrent_keys", from.limits.concurrent_keys},
          {"running", from.running},
          {"waiting", from.waiting},
          {"keys", from.keys},
          {"parked", from.parked},
          {"retries", from.retries},
          {"timed_out", from.timed_out},
          {"late_answers", from.late_answers},
          {"actors_alive", from.actors_alive},
          {"actors_made", from.actors_made},
          {"actors_evicted", from.actors_evicted}};
}

json to_json(const batcher_state& from) {
  return {{"name", from.name},
          {"paused", from.paused},
          {"max_batch_size", from.max_batch_size},
          {"max_concurrent_batches", from.max_concurrent_batches},
          {"running", from.running},
          {"waiting_items", from.waiting_items},
          {"sets", from.sets},
          {"batches", from.batches},
          {"items", from.items},
          {"largest", from.largest},
          {"parked", from.parked},
          {"retries", from.retries},
          {"actors_alive", from.actors_alive},
          {"actors_made", from.actors_made}};
}

json to_json(const key_state& from) {
  auto result = to_json(from.oldest);
  result["topic"] = from.topic;
  result["partition"] = from.partition;
  result["jobs"] = from.jobs;
  return result;
}

json to_json(const commit_state& from) {
  return {{"kind", from.exactly_once ? "exactly once" : "at least once"},
          {"since_last_ms", from.since_last.count()},
          {"took_ms", static_cast<double>(from.took.count()) / 1000},
          {"pending", from.pending},
          {"open_transactions", from.open_transactions},
          {"aborts", from.aborts}};
}

template <class T>
json list_of(const std::vector<T>& all) {
  auto result = json::array();
  for (auto& each : all)
    result.push_back(to_json(each));
  return result;
}

json to_json(const source_state& from) {
  return {{"group", from.group},
          {"topic", from.topic},
          {"running", from.running},
          {"records", from.records},
          {"out", from.out},
          {"already_out", from.already_out},
          {"forwarded", from.forwarded},
          {"skipped", from.skipped},
          {"dead_lettered", from.dead_lettered},
          {"retries", from.retries},
          {"parked", from.parked},
          {"interjections_open", from.interjections_open},
          {"partitions", list_of(from.partitions)},
          {"stages", list_of(from.stages)},
          {"keys", list_of(from.keys)},
          {"batchers", list_of(from.batchers)},
          {"committer", to_json(from.commit)},
          {"budget",
           {{"limit", from.budget}, {"held", from.held_bytes}, {"held_max", from.held_bytes_max}}},
          {"workers", {{"threads", from.workers.threads}, {"busy", from.workers.busy}}},
          {"errors", from.errors}};
}

} // namespace

json to_json(const system_state& from) {
  return {{"host", from.host},
          {"process", from.process},
          {"actors", from.actors},
          {"sources", list_of(from.sources)}};
}

} // namespace keyloom::tools
