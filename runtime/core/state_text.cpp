#include "runtime/core/state_text.hpp"

namespace keyloom::core {

namespace {

/// Of those in flight: the slowest.
constexpr size_t most_keys = 20;

std::string number(const char* name, uint64_t value) {
  return ", " + std::to_string(value) + " " + name;
}

/// Left out where it is 0, as it mostly is.
std::string some(const char* name, uint64_t value) {
  return value == 0 ? "" : number(name, value);
}

std::string line_of(const partition_state& each) {
  auto result = "\n  partition " + each.topic + "/" + std::to_string(each.partition) + ": "
                + to_string(each.lifecycle) + ", position " + std::to_string(each.position)
                + ", committed " + std::to_string(each.committed)
                + number("in flight", each.in_flight);
  if (each.lag >= 0)
    result += number("behind", static_cast<uint64_t>(each.lag));
  if (each.oldest_age.count() > 0)
    result += ", oldest event " + std::to_string(each.oldest_age.count()) + " ms old";
  if (each.oldest)
    result += " (" + to_string(*each.oldest) + ")";
  if (!each.error.empty())
    result += ", " + each.error;
  if (!each.stall.empty())
    result += ", stands still: " + each.stall;
  return result;
}

std::string line_of(const key_state& each) {
  return "\n  in flight for " + std::to_string(each.oldest.age.count()) + " ms: " + each.topic + "/"
         + std::to_string(each.partition) + ", " + to_string(each.oldest) + ", "
         + std::to_string(each.jobs) + " jobs";
}

std::string line_of(const stage_state& each) {
  return "\n  stage '" + each.name + "': " + std::to_string(each.running) + " running"
         + number("waiting", each.waiting) + number("keys", each.keys)
         + some("retries", each.retries) + some("parked", each.parked)
         + some("timed out", each.timed_out) + some("late answers", each.late_answers)
         + some("actors", each.actors_alive) + some("actors made", each.actors_made)
         + some("actors evicted", each.actors_evicted);
}

std::string line_of(const batcher_state& each) {
  return "\n  batcher '" + each.name + "': " + std::to_string(each.running) + " running"
         + number("items waiting", each.waiting_items) + number("sets open", each.sets)
         + number("batches", each.batches) + number("items", each.items)
         + some("retries", each.retries) + some("parked", each.parked);
}

} // namespace

std::string to_text(const source_state& state) {
  auto result = "group " + state.group + (state.running ? ", running" : ", not running")
                + number("records in", state.records) + number("out", state.out)
                + some("already out", state.already_out) + some("skipped", state.skipped)
                + some("dead letters", state.dead_lettered) + some("retries", state.retries)
                + some("parked", state.parked) + number("commits", state.commits)
                + number("bytes held", state.held_bytes);
  for (auto& each : state.partitions)
    result += line_of(each);
  for (auto& each : state.stages)
    result += line_of(each);
  for (auto& each : state.batchers)
    result += line_of(each);
  for (size_t i = 0; i < state.keys.size() && i < most_keys; ++i)
    result += line_of(state.keys[i]);
  for (auto& each : state.errors)
    result += "\n  error: " + each;
  return result;
}

} // namespace keyloom::core
