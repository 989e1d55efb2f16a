// What the output gate costs, without a broker: events admitted, their turns told, completed and
// sent, a transaction every so many events, beside stragglers that hold events back.
//
//   build/release/bench/output_gate
#include "runtime/core/output_gate.hpp"
#include "runtime/core/event.hpp"

#include <chrono>
#include <cstdio>
#include <deque>
#include <random>

namespace {

using namespace keyloom;
using core::output_gate;
using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

struct scenario {
  const char* name;
  uint64_t keys;
  size_t window;       ///< events that a straggler stays open
  double stragglers;   ///< share of events
  uint64_t store_keys; ///< a turn writes one of these; 0: its record key's
  bool early;          ///< stragglers write before they are complete
  store_scope scope = store_scope::tracked;
  bool scans = false; ///< each turn reads all keys
  size_t room = core::map_room(true);
};

/// Events arrive one by one and are complete at once, stragglers when `window` others have come;
/// every `batch` events a transaction is built, and the one before it committed.
void run(const scenario& what) {
  constexpr size_t events = 1'000'000, batch = 6'000; // 10 ms at 600,000 a second
  std::mt19937_64 random{1};
  output_gate gate{{output_order::by_key, what.scope, what.room}, {0, {}}};
  core::event owner;
  std::deque<std::pair<size_t, core::held_event*>> open;
  auto straggler = [&] { return static_cast<double>(random() >> 11) < what.stragglers * 0x1p53; };
  size_t most_held = 0, sent = 0;
  double building = 0, longest = 0;
  auto start = clock::now();
  for (size_t i = 0; i < events; ++i) {
    while (!open.empty() && open.front().first <= i) {
      gate.complete(*open.front().second);
      open.pop_front();
    }
    auto key = random() % what.keys;
    auto& ev = gate.admit(owner, static_cast<int64_t>(i), key);
    auto late = straggler();
    uint64_t cell = what.store_keys == 0 ? key : random() % what.store_keys;
    if (!late || what.early)
      gate.turn(
        ev, {.reads = {&cell, 1}, .scanned = what.scans, .touched = true, .writes = {&cell, 1}});
    if (late)
      open.emplace_back(i + what.window, &ev);
    else
      gate.complete(ev);
    if (i % batch != batch - 1)
      continue;
    most_held = std::max(most_held, gate.held());
    auto begin = clock::now();
    auto* next = gate.next();
    auto took = seconds_since(begin);
    building += took;
    longest = std::max(longest, took);
    if (next != nullptr) {
      sent += next->events.size();
      if (next->number > 1)
        gate.committed(next->number - 1);
    }
  }
  auto all = seconds_since(start);
  std::printf(
    "%-44s %5.0f ns an event; %7.0f us a transaction, at most %7.0f; held %7zu, sent %7zu\n",
    what.name, all * 1e9 / events, building * 1e6 / (events / batch), longest * 1e6, most_held,
    sent);
}

} // namespace

int main() {
  constexpr size_t window = 100'000;
  run({"no stragglers, 1,000 keys", 1000, window, 0, 0, true});
  run({"no stragglers, a global counter", 1000, window, 0, 1, true});
  run({"0.1 % stragglers, 100,000 keys", 100'000, window, .001, 0, true});
  run({"0.1 % stragglers, 1,000 keys", 1000, window, .001, 0, true});
  run({"0.1 %, a global counter, early", 100'000, window, .001, 1, true});
  run({"0.1 %, scans, early", 100'000, window, .001, 0, true, store_scope::tracked, true});
  run({"0.1 %, scope partition, early", 100'000, window, .001, 0, true, store_scope::partition});
  run({"0.1 %, no room for a map", 100'000, window, .001, 0, true, store_scope::tracked, false, 0});
  run({"0.1 %, room for half of the map", 100'000, window, .001, 0, true, store_scope::tracked,
       false, 150});
  run({"5 % stragglers, the map is full", 100'000, window, .05, 0, true});
}
