// What must hold, at every choice of the gate and after every commit. (a) each event once, (b) the
// order of outputs, (c) what committed turns read, (d) all is out at the end, (e) the change log,
// I2 the offset and the map.
#include "tests/unit/core/gate_world_parts.hpp"

#include <algorithm>
#include <set>

namespace keyloom::test {

void gate_world::wrong(const std::string& what) {
  if (violation_.empty())
    violation_ = what;
}

/// The gate lets leave what it must by its definition, in the right order, and names it.
void gate_world::check_choice(const core::output_gate::transaction* got) {
  if (!rules_.whole() || (got != nullptr && got->attempts > 1))
    return;
  if (got == nullptr && random_.chance(.7)) // mostly nothing has happened since
    return;
  auto expected = model_->choose();
  std::vector<gate_model::event*> leaving;
  if (got != nullptr)
    for (auto& each : got->events)
      leaving.push_back(around(each.whole, events_).model);
  if (leaving != expected)
    wrong("the gate lets " + std::to_string(leaving.size()) + " events leave instead of "
          + std::to_string(expected.size()) + ", others, or not in event order");
  auto reached = model_->reached(true);
  if (got != nullptr
      && (got->reached.offset != reached.offset || got->reached.beyond != reached.beyond))
    wrong("I1: a transaction says that " + std::to_string(got->reached.offset)
          + " is reached instead of " + std::to_string(reached.offset) + ", or another map");
}

void gate_world::check(bool at_end) {
  std::vector<sim_event*> events;
  for (auto& each : attempts_)
    if (each->state == attempt::fate::committed)
      events.insert(events.end(), each->events.begin(), each->events.end());
  check_outputs(events);
  check_progress(events, at_end);
  check_store(events);
}

void gate_world::check_outputs(const std::vector<sim_event*>& events) {
  std::vector<output> seen, expected;
  for (auto& [of, each] : topic_)
    if (of->state == attempt::fate::committed)
      seen.push_back(each);
  for (auto& each : attempts_)
    if (each->state == attempt::fate::committed)
      expected.insert(expected.end(), each->outputs.begin(), each->outputs.end());
  int64_t last_offset = -1;
  std::map<uint64_t, std::pair<int64_t, size_t>> last_of_key;
  for (auto& each : seen) {
    auto offset = each.from->offset;
    auto key = each.from->key;
    auto here = std::pair{offset, each.place + 1};
    if (key != 0 && rules_.order != output_order::none
        && here < std::exchange(last_of_key[key], here))
      wrong("b: outputs of key " + std::to_string(key) + " are out of order at "
            + std::to_string(offset));
    if (rules_.order == output_order::by_event && offset >= 0
        && offset < std::exchange(last_offset, offset))
      wrong("b: outputs are out of event order");
  }
  std::sort(seen.begin(), seen.end());
  std::sort(expected.begin(), expected.end());
  if (seen != expected)
    wrong("a: the outputs are not those of the committed events");
  std::set<sim_event*> once{events.begin(), events.end()};
  if (once.size() != events.size())
    wrong("a: an event was committed twice");
}

void gate_world::check_progress(const std::vector<sim_event*>& events, bool at_end) {
  std::set<int64_t> offsets;
  size_t records = 0;
  for (auto* ev : events)
    if (ev->offset >= 0) {
      offsets.insert(ev->offset);
      ++records;
    }
  if (offsets.size() != records)
    wrong("a: a record was committed twice");
  auto what = committed();
  for (auto& each : log_) {
    auto named = each.offset < what.offset;
    for (auto& run : what.beyond)
      named = named || (run.begin <= each.offset && each.offset < run.end);
    auto in = offsets.count(each.offset) != 0;
    if (in && !named)
      wrong("a: " + std::to_string(each.offset)
            + " is committed, and neither below nor in the map");
    if (named && !in)
      wrong("I2: " + std::to_string(each.offset) + " is named as out, but not committed");
  }
  if (rules_.keep_map && rules_.cut_in_sets
      && core::out_runs::map_bytes(what.beyond, what.offset) > profile_.map_room)
    wrong("the map is too large");
  if (at_end && offsets.size() != log_.size())
    wrong("d: the gate never opened for " + std::to_string(log_.size() - offsets.size())
          + " records");
}

/// The committed turns alone, in their order, give what each of them read, and the change log.
void gate_world::check_store(const std::vector<sim_event*>& events) {
  std::vector<const sim_turn*> turns;
  for (auto* ev : events)
    for (auto& each : ev->turns)
      turns.push_back(each.get());
  std::sort(turns.begin(), turns.end(), [](auto* a, auto* b) {
    return a->owner != b->owner ? a->owner < b->owner : a->number < b->number;
  });
  std::vector<int> store(store_.size());
  for (auto* each : turns) {
    for (auto& read : each->reads) {
      auto alone = store[static_cast<size_t>(read.first)];
      auto own = std::find(each->writes.begin(), each->writes.end(), read) != each->writes.end();
      if (read.second != alone && !own)
        wrong("c: a committed turn read " + std::to_string(read.second)
              + " where the committed events alone give " + std::to_string(alone));
    }
    for (auto& [cell, value] : each->writes)
      store[static_cast<size_t>(cell)] = value;
  }
  if (store != restored())
    wrong("e: the change log does not give the store of the committed events");
}

} // namespace keyloom::test
