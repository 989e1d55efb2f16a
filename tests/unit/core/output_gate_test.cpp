#include "runtime/core/output_gate.hpp"

#include "runtime/core/event.hpp"
#include "runtime/core/turn_changes.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace keyloom;
using core::output_gate;

namespace {

constexpr uint64_t key_a = 1, key_b = 2;     // hashes of record keys
constexpr uint64_t cell_g = 11, cell_h = 12; // hashes of store keys

using names = std::vector<std::string>;

/// A gate and events with names, of successive offsets.
class gate_rig {
public:
  explicit gate_rig(output_gate::settings cfg = {output_order::by_key, store_scope::tracked, 1000},
                    core::progress start = {0, {}})
    : gate(cfg, start), next_offset_(start.offset) {}

  void admit(const std::string& name, std::optional<uint64_t> key = std::nullopt) {
    held_[name] = &gate.admit(owners_[name], next_offset_++, key);
  }

  void interject(const std::string& name, std::optional<uint64_t> key = std::nullopt) {
    held_[name] = &gate.admit_interjection(owners_[name], key);
  }

  void turn(const std::string& name, output_gate::access what) { gate.turn(*held_[name], what); }

  /// A turn that read and wrote these, with changes of its own when it wrote.
  void turn(const std::string& name, std::vector<uint64_t> reads, std::vector<uint64_t> writes) {
    auto& changes = changes_.emplace_back();
    names_of_turns_[&changes] = name;
    turn(name, {reads, false, !reads.empty(), writes, writes.empty() ? nullptr : &changes});
  }

  /// Whether the gate has forgotten the event but for what is needed to let it leave.
  bool complete(const std::string& name) { return gate.complete(*held_[name]) != nullptr; }

  /// The same for the next record, whose handler did nothing to the store.
  bool pass(const std::string& name, std::optional<uint64_t> key = std::nullopt) {
    return gate.pass(owners_[name], next_offset_++, key) != nullptr;
  }

  /// The events of the next transaction.
  names next() {
    last = gate.next();
    return last == nullptr ? names{} : names_of(last->events);
  }

  /// In the order of their entries.
  names turns_of_last() {
    names result;
    for (auto* each : last->changes)
      result.push_back(names_of_turns_[each]);
    return result;
  }

  std::string waits_for(const std::string& name) {
    auto* ev = gate.waits_for(*held_[name]);
    return ev == nullptr ? "" : name_of(ev);
  }

  output_gate gate;
  const output_gate::transaction* last = nullptr;

private:
  names names_of(const std::vector<core::departure>& events) {
    names result;
    for (auto& each : events)
      result.push_back(name_of(each.whole));
    return result;
  }

  std::string name_of(const core::event* ev) {
    for (auto& [name, owner] : owners_)
      if (&owner == ev)
        return name;
    return "?";
  }

  int64_t next_offset_;
  std::map<std::string, core::event> owners_;
  std::map<std::string, core::held_event*> held_;
  std::deque<core::turn_changes> changes_;
  std::map<core::turn_changes*, std::string> names_of_turns_;
};

output_gate::settings with(output_order order, store_scope scope, size_t room = 1000) {
  return {order, scope, room};
}

} // namespace

// -- what the gate need not hold
// -------------------------------------------------------------------

TEST_CASE("an event that changed nothing is held no longer than it waits for others") {
  gate_rig rig;
  rig.admit("w", key_a);
  rig.admit("x", key_a);
  rig.admit("y", key_b);
  rig.turn("y", {cell_g}, {});
  CHECK(rig.complete("y"));
  CHECK(rig.gate.held() == 3);
  CHECK_FALSE(rig.complete("x"));
  CHECK(rig.complete("w"));
  CHECK(rig.next() == names{"w", "x", "y"});
  CHECK(rig.gate.held() == 0);
}

TEST_CASE("one that changed something is held: an event before it may come to need it") {
  gate_rig rig{with(output_order::none, store_scope::tracked, 0)};
  rig.admit("v");
  rig.admit("w");
  rig.admit("x");
  rig.turn("x", {}, {cell_g});
  CHECK_FALSE(rig.complete("x"));
  rig.turn("w", {cell_g}, {});
  rig.complete("w");
  CHECK(rig.next() == names{}); // no map could name them
  rig.complete("v");
  CHECK(rig.next() == names{"v", "w", "x"});
}

TEST_CASE(
  "one that leaves no earlier than another is held: those behind it must not leave before") {
  gate_rig rig{with(output_order::by_key, store_scope::tracked, 2)};
  rig.admit("z");
  rig.admit("a", key_a);
  rig.admit("c", key_a);
  std::vector<std::string> others;
  for (int i = 0; i < 17; ++i)
    rig.admit(others.emplace_back("o" + std::to_string(i)));
  rig.admit("e");
  rig.turn("e", {}, {cell_g});
  rig.complete("e");
  rig.turn("a", {cell_g}, {});
  CHECK_FALSE(rig.complete("a"));
  rig.complete("c");
  CHECK(rig.next() == names{}); // a map has room for a and c, and not for e
  for (auto& each : others)
    rig.complete(each);
  rig.complete("z");
  CHECK(rig.next().size() == 21);
}

TEST_CASE("what is passed leaves like others, and behind those that it follows") {
  auto order = GENERATE(output_order::by_key, output_order::by_event);
  gate_rig rig{with(order, store_scope::tracked)};
  CHECK(rig.pass("u", key_a));
  rig.admit("w", key_a);
  CHECK_FALSE(rig.pass("x", key_a));
  auto others = order == output_order::by_key;
  CHECK(rig.pass("y", key_b) == others);
  CHECK(rig.next() == (others ? names{"u", "y"} : names{"u"}));
  CHECK(rig.waits_for("w") == "w");
  rig.complete("w");
  CHECK(rig.next() == (others ? names{"w", "x"} : names{"w", "x", "y"}));
  CHECK(rig.pass("z", key_a));
  CHECK(rig.next() == names{"z"});
  CHECK(rig.last->reached.offset == 5);
}

TEST_CASE("I1: an interjection among records does not stand in for one that is missing") {
  gate_rig rig;
  rig.admit("r0");
  rig.interject("i");
  rig.admit("r1");
  rig.admit("r2");
  for (auto* each : {"r0", "i", "r2"})
    rig.complete(each);
  CHECK(rig.next() == names{"r0", "i", "r2"});
  CHECK(rig.last->reached.offset == 1);
  CHECK(rig.last->reached.beyond == std::vector<core::offset_run>{{2, 3}});
}

// -- order (point 1)
// -------------------------------------------------------------------------------

TEST_CASE("by_key: an event waits for the one of its record key before it, and others do not") {
  gate_rig rig;
  rig.admit("w", key_a);
  rig.admit("x", key_a);
  rig.admit("y", key_b);
  rig.complete("x");
  rig.complete("y");
  CHECK(rig.next() == names{"y"});
  CHECK(rig.waits_for("x") == "w");
  rig.complete("w");
  CHECK(rig.next() == names{"w", "x"});
}

TEST_CASE("by_key: events without a key leave as they are complete") {
  gate_rig rig;
  rig.admit("w");
  rig.admit("x");
  rig.complete("x");
  CHECK(rig.next() == names{"x"});
}

TEST_CASE("by_event: an event waits for every event before it") {
  gate_rig rig{with(output_order::by_event, store_scope::tracked)};
  rig.admit("w");
  rig.admit("x", key_a);
  rig.interject("y");
  rig.complete("y");
  rig.complete("x");
  CHECK(rig.next().empty());
  rig.complete("w");
  CHECK(rig.next() == names{"w", "x", "y"});
}

TEST_CASE("none: events of a key leave as they are complete") {
  gate_rig rig{with(output_order::none, store_scope::tracked)};
  rig.admit("w", key_a);
  rig.admit("x", key_a);
  rig.complete("x");
  CHECK(rig.next() == names{"x"});
}

TEST_CASE("outputs leave in event order, whatever order events became complete in") {
  gate_rig rig;
  for (auto* name : {"w", "x", "y", "z"})
    rig.admit(name);
  for (auto* name : {"z", "w", "y", "x"})
    rig.complete(name);
  CHECK(rig.next() == names{"w", "x", "y", "z"});
}

// -- what turns wrote and read (points 1 to 3)
// -----------------------------------------------------

TEST_CASE("who writes a store key waits for who wrote it last") {
  gate_rig rig;
  rig.admit("w", key_a);
  rig.admit("x", key_b);
  rig.turn("w", {}, {cell_g});
  rig.turn("x", {}, {cell_g});
  rig.complete("x");
  CHECK(rig.next().empty());
  rig.complete("w");
  CHECK(rig.next() == names{"w", "x"});
}

TEST_CASE("who reads a store key waits for who wrote it last, and not for who reads it, too") {
  gate_rig rig;
  for (auto* name : {"w", "x", "y"})
    rig.admit(name);
  rig.turn("y", {cell_g}, {});
  rig.turn("w", {cell_g}, {cell_g});
  rig.turn("x", {cell_g}, {});
  rig.complete("x");
  rig.complete("w");
  CHECK(rig.next() == names{"w", "x"});
}

TEST_CASE("what is out is no dependency") {
  gate_rig rig;
  rig.admit("w");
  rig.turn("w", {}, {cell_g});
  rig.complete("w");
  CHECK(rig.next() == names{"w"});
  rig.admit("x");
  rig.turn("x", {cell_g}, {cell_g});
  rig.complete("x");
  CHECK(rig.next() == names{"x"}); // although the one before is not committed
}

TEST_CASE("events that depend on each other leave together (finding 1)") {
  // h(w) schedules; h(x) writes g and is complete; f(w) writes g, so w needs x, and x needs w.
  gate_rig rig;
  rig.admit("w", key_a);
  rig.admit("x", key_a);
  rig.turn("x", {}, {cell_g});
  rig.complete("x");
  CHECK(rig.next().empty());
  rig.turn("w", {}, {cell_g});
  rig.complete("w");
  CHECK(rig.next() == names{"w", "x"});
  CHECK(rig.turns_of_last() == names{"x", "w"});
}

TEST_CASE("entries leave in the order of turns, across events (finding 6)") {
  gate_rig rig;
  rig.admit("w");
  rig.admit("x");
  rig.turn("w", {}, {cell_g});
  rig.turn("x", {}, {cell_g});
  rig.turn("w", {}, {cell_g});
  rig.complete("w");
  rig.complete("x");
  CHECK(rig.next() == names{"w", "x"});
  CHECK(rig.turns_of_last() == names{"w", "x", "w"});
}

TEST_CASE("a scan depends on every writer that is not out, of deleted keys too") {
  gate_rig rig;
  for (auto* name : {"v", "w", "x", "y", "z"})
    rig.admit(name);
  rig.turn("v", {}, {cell_g});
  rig.turn("w", {}, {cell_h});
  rig.turn("x", {.scanned = true});
  rig.turn("y", {.scanned = true});
  rig.turn("z", {cell_h}, {});
  for (auto* name : {"v", "x", "y", "z"})
    rig.complete(name);
  CHECK(rig.next() == names{"v"});
  rig.complete("w");
  CHECK(rig.next() == names{"w", "x", "y", "z"});
}

TEST_CASE("a scan depends on writers that an earlier scan depended on, and on those since") {
  gate_rig rig;
  for (auto* name : {"v", "w", "x", "y", "z"})
    rig.admit(name);
  rig.turn("v", {}, {cell_g});
  rig.turn("w", {.scanned = true});
  rig.turn("x", {}, {cell_h});
  rig.turn("y", {.scanned = true});
  for (auto* name : {"w", "x", "y", "z"})
    rig.complete(name);
  CHECK(rig.next() == names{"x", "z"});
  CHECK(rig.waits_for("y") == "v");
  rig.complete("v");
  CHECK(rig.next() == names{"v", "w", "y"});
  CHECK(rig.gate.held() == 0);
}

// -- scopes that are declared (point 3)
// ------------------------------------------------------------

TEST_CASE("scope partition: a turn that was given the store may have read all that was written") {
  gate_rig rig{with(output_order::by_key, store_scope::partition)};
  for (auto* name : {"v", "w", "x", "y"})
    rig.admit(name);
  rig.turn("v", {}, {cell_g});
  rig.turn("w", {.touched = true});
  rig.turn("x", {}, {cell_h});
  rig.turn("y", {});
  for (auto* name : {"w", "x", "y"})
    rig.complete(name);
  CHECK(rig.next() == names{"y"});
  rig.complete("v");
  CHECK(rig.next() == names{"v", "w", "x"});
}

TEST_CASE("scope record_key: a turn depends on who wrote its record key's part") {
  gate_rig rig{with(output_order::none, store_scope::record_key)};
  rig.admit("w", key_a);
  rig.admit("x", key_a);
  rig.admit("y", key_b);
  rig.admit("z");
  rig.turn("w", {}, {cell_g});
  for (auto* name : {"x", "y", "z"}) {
    rig.turn(name, {.touched = true});
    rig.complete(name);
  }
  CHECK(rig.next() == names{"y", "z"});
  rig.complete("w");
  CHECK(rig.next() == names{"w", "x"});
}

TEST_CASE("scope record_key: an interjection depends on all writers, and all on its writes") {
  gate_rig rig{with(output_order::none, store_scope::record_key)};
  rig.admit("w", key_a);
  rig.turn("w", {}, {cell_g});
  rig.interject("x");
  rig.turn("x", {}, {cell_h});
  rig.complete("x");
  rig.admit("y", key_b);
  rig.turn("y", {.touched = true});
  rig.complete("y");
  rig.interject("z", key_b); // it keeps to this key
  rig.turn("z", {.touched = true});
  rig.complete("z");
  CHECK(rig.next().empty());
  rig.complete("w");
  CHECK(rig.next() == names{"w", "x", "y", "z"});
}

TEST_CASE("scope record_key: an interjection that declares a key depends on that key's writers") {
  gate_rig rig{with(output_order::by_key, store_scope::record_key)};
  rig.admit("w", key_a);
  rig.turn("w", {}, {cell_g});
  rig.interject("x", key_b);
  rig.turn("x", {.touched = true});
  rig.complete("x");
  CHECK(rig.next() == names{"x"});
}

// -- the completion map (point 7)
// ------------------------------------------------------------------

TEST_CASE("I1 I2: a transaction names the lowest offset not out, and what is out beyond it") {
  gate_rig rig{{}, {5, {{8, 9}}}};
  rig.admit("w");
  rig.admit("x");
  rig.admit("y");
  rig.gate.pass_over(8);
  rig.complete("x");
  REQUIRE(rig.next() == names{"x"});
  CHECK(rig.last->reached.offset == 5);
  CHECK(rig.last->reached.beyond == std::vector<core::offset_run>{{6, 7}, {8, 9}});
  rig.complete("w");
  rig.complete("y");
  REQUIRE(rig.next() == names{"w", "y"});
  CHECK(rig.last->reached.offset == 9);
  CHECK(rig.last->reached.beyond.empty());
}

TEST_CASE("when the map does not fit the events up to some event leave, in closed sets") {
  gate_rig rig{with(output_order::none, store_scope::tracked, 1)}; // a bitmap of eight offsets
  for (auto i = 0; i < 12; ++i)
    rig.admit("e" + std::to_string(i));
  rig.turn("e11", {}, {cell_g});
  rig.turn("e2", {cell_g}, {});
  for (auto* name : {"e1", "e2", "e7", "e11"})
    rig.complete(name);
  CHECK(rig.next() == names{"e1", "e7"}); // not e2, which read what e11 wrote
  CHECK(rig.next().empty());
  rig.complete("e0");
  CHECK(rig.next() == names{"e0"}); // e11 is not within eight offsets of e2
  rig.complete("e3");
  CHECK(rig.next() == names{"e2", "e3", "e11"}); // but of e4
}

TEST_CASE("without room for a map events leave in offset order") {
  gate_rig rig{with(output_order::none, store_scope::tracked, 0)};
  rig.admit("w");
  rig.admit("x");
  rig.admit("y");
  rig.interject("z");
  rig.complete("x");
  rig.complete("z");
  CHECK(rig.next().empty()); // up to z there is x
  rig.complete("w");
  CHECK(rig.next() == names{"w", "x", "z"});
}

// -- transactions (point 5)
// ------------------------------------------------------------------------

TEST_CASE("transactions are committed in their order") {
  gate_rig rig;
  rig.admit("w");
  rig.admit("x");
  rig.complete("w");
  REQUIRE(rig.next() == names{"w"});
  rig.complete("x");
  REQUIRE(rig.next() == names{"x"});
  CHECK(!rig.gate.committed(2));
  CHECK(rig.gate.committed(1));
  CHECK(!rig.gate.committed(1));
  CHECK(rig.gate.uncommitted() == 1);
  CHECK(rig.gate.committed(2));
  CHECK(!rig.gate.committed(3));
  CHECK(!rig.gate.aborted(3));
}

TEST_CASE("a transaction that is aborted is sent again with all after it, in order, as it was") {
  gate_rig rig;
  for (auto* name : {"w", "x", "y", "z"})
    rig.admit(name);
  for (auto* name : {"w", "x", "y"}) {
    rig.complete(name);
    REQUIRE(rig.next() == names{name});
  }
  REQUIRE(rig.gate.committed(1));
  CHECK(rig.gate.aborted(2));
  CHECK(!rig.gate.aborted(3)); // it is not under way any more
  CHECK(!rig.gate.committed(2));
  rig.complete("z");
  CHECK(rig.next() == names{"x"});
  CHECK(rig.last->number == 2);
  CHECK(rig.last->attempts == 2);
  CHECK(rig.last->reached.offset == 2);
  CHECK(rig.next() == names{"y"});
  CHECK(rig.next() == names{"z"});
  CHECK(rig.last->number == 4);
  CHECK(rig.last->attempts == 1);
}

TEST_CASE("a bare transaction is for an offset or a map that moved by itself") {
  gate_rig rig{{}, {0, {{0, 2}}}};
  CHECK(rig.gate.next(true) == nullptr);
  rig.gate.pass_over(0);
  rig.gate.pass_over(1);
  CHECK(rig.gate.next() == nullptr);
  auto* bare = rig.gate.next(true);
  REQUIRE(bare != nullptr);
  CHECK(bare->events.empty());
  CHECK(bare->reached.offset == 2);
  CHECK(rig.gate.next(true) == nullptr);
}

TEST_CASE("a transaction of interjections alone sends the offset, too") {
  gate_rig rig{{}, {7, {}}};
  rig.admit("w");
  rig.interject("x");
  rig.complete("x");
  REQUIRE(rig.next() == names{"x"});
  CHECK(rig.last->reached.offset == 7);
}
