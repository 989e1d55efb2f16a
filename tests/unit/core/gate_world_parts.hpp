// What gate_world is made of, for its own files.
#pragma once

#include "runtime/core/event.hpp"
#include "tests/unit/core/gate_world.hpp"

namespace keyloom::test {

struct gate_world::sim_event {
  core::event owner;
  core::held_event* held = nullptr;
  gate_model::event* model = nullptr;
  int64_t offset; ///< -1: an interjection
  uint64_t key;   ///< 0: none
  int part;
  uint64_t sequence;
  std::vector<turn_plan> turns_to_come;
  std::vector<std::unique_ptr<sim_turn>> turns;
  bool complete = false;
  bool out = false;
};

struct gate_world::attempt {
  enum class fate { open, committed, aborted };

  uint64_t number;
  std::vector<sim_event*> events;
  std::vector<output> outputs;
  std::vector<std::pair<int, int>> entries; ///< cells and values
  core::progress reached;
  size_t produced = 0;
  fate state = fate::open;
  bool lags = false; ///< its marker has not reached the change log

  size_t size() const { return outputs.size() + entries.size(); }
};

/// The sim_event around an event that the gate knows.
template <class Event>
Event& around(const core::event* owner, const std::vector<Event*>& events) {
  for (auto* each : events)
    if (&each->owner == owner)
      return *each;
  throw std::logic_error("the gate returned an event that it was not given");
}

} // namespace keyloom::test
