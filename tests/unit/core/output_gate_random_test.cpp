// The output gate in a random partition that crashes at any point. KEYLOOM_SEED=n runs that seed
// alone, in all profiles; KEYLOOM_GATE_SEEDS=n runs so many in each instead of the usual ones.
#include "tests/unit/core/gate_world.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace keyloom;
using test::gate_profile;
using test::gate_rules;

namespace {

gate_profile with(gate_profile profile, const char* name, auto change) {
  profile.name = name;
  change(profile);
  return profile;
}

const gate_profile own{.name = "own keys"};
const gate_profile reads{.name = "reads a shared key", .shared_write = .3, .shared_read = .6};
const gate_profile counters{.name = "shared counters", .shared_write = .8};
const gate_profile tight{.name = "a map of eight offsets",
                         .shared_write = .2,
                         .map_room = 1,
                         .holes = .3};
const gate_profile tight_own{.name = "own keys, a map of eight offsets",
                             .map_room = 1,
                             .holes = .3};
const gate_profile tiny = with(reads, "reads a shared key, a map of a run", [](auto& p) {
  p.map_room = 2;
  p.holes = .6;
});
const gate_profile no_map = with(tight, "no map", [](auto& p) {
  p.map_room = 0;
  p.shared_write = .6;
});
const gate_profile late{.name = "writes in the last turn",
                        .shared_write = .6,
                        .shared_read = .6,
                        .early = 0};
const gate_profile deterministic = with(reads, "deterministic",
                                        [](auto& p) { p.nondeterministic = false; });
const gate_profile throwing = with(counters, "turns that throw", [](auto& p) { p.fail = .3; });

struct setup {
  gate_rules rules;
  gate_profile profile;
};

/// The rules with every profile that keeps to them.
std::vector<setup> setups() {
  std::vector<setup> result;
  for (auto& each :
       {own, reads, counters, tight, tight_own, tiny, no_map, late, deterministic, throwing})
    result.push_back({{}, each});
  for (auto order : {output_order::by_key, output_order::by_event, output_order::none}) {
    for (auto& each : {reads, tight})
      result.push_back({{.order = order}, each});
    for (auto& each : {reads, counters, tight})
      result.push_back({{.order = order, .scope = store_scope::partition}, each});
    for (auto& each : {own, tight_own})
      result.push_back({{.order = order, .scope = store_scope::record_key}, each});
  }
  result.push_back({{.scope = store_scope::record_key, .serial = true}, own});
  for (auto& each : {reads, counters, tight})
    result.push_back({{.serial = true}, each});
  result.push_back({{.close_at = 2}, own});
  result.push_back({{.coalesce = false}, counters});
  auto untracked = with(own, "own keys, no interjections", [](auto& p) { p.interject = 0; });
  result.push_back({{.serial = true, .tell_writes = false, .tell_reads = false}, untracked});
  return result;
}

/// Runs seeds from `first` up to, but without, `last`; what the first bad one said.
std::string run(const setup& what, uint64_t first, uint64_t last) {
  constexpr size_t sizes[] = {2, 6, 3, 9, 4, 3, 5, 4, 12, 2};
  for (auto seed = first; seed < last; ++seed)
    if (auto problem
        = test::gate_world{what.rules, what.profile, seed, sizes[seed % std::size(sizes)]}.run();
        !problem.empty())
      return std::string{what.profile.name} + ", seed " + std::to_string(seed) + ": " + problem;
  return {};
}

} // namespace

TEST_CASE("I1 I2 I7: whenever a partition crashes, what is out is as if nothing else had begun") {
  uint64_t first = 1, count = 271; // in each of 37 setups
  if (auto* seed = std::getenv("KEYLOOM_SEED")) {
    first = std::strtoull(seed, nullptr, 10);
    count = 1;
  } else if (auto* seeds = std::getenv("KEYLOOM_GATE_SEEDS")) {
    count = std::strtoull(seeds, nullptr, 10);
  }
  auto all = setups();
  size_t runs = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    auto& [rules, profile] = all[i];
    if (auto problem = run(all[i], first, first + count); !problem.empty())
      FAIL("setup " << i << " (output_order " << static_cast<int>(rules.order) << ", scope "
                    << static_cast<int>(rules.scope) << (rules.serial ? ", serial" : "")
                    << "): " << problem
                    << "\nreplay: KEYLOOM_SEED=<seed> unit_tests \"I1 I2 I7: whenever*\"");
    runs += count;
  }
  CHECK(runs == all.size() * count);
}

TEST_CASE("the checks of the random partition notice every rule that is broken") {
  auto quiet = [](auto& p) { p.interject = 0; };
  auto crashing = with(own, "own keys, many crashes", [](auto& p) { p.crash = .05; });
  auto many_interjections = with(own, "own keys, many interjections",
                                 [](auto& p) { p.interject = .2; });
  auto nothing_owned = with(own, "no store", [](auto& p) { p.own = false; });
  struct broken {
    const char* rule;
    setup how;
    const char* noticed; ///< one of these checks says so
  };
  const broken all[] = {
    {"waits", {{.cycles_leave = false}, with(counters, "", quiet)}, "d"},
    {"no-write-order", {{.tell_writes = false, .tell_reads = false}, counters}, "ce"},
    {"reads-untracked", {{.tell_reads = false}, reads}, "c"},
    {"reads-untracked-deterministic", {{.tell_reads = false}, deterministic}, "c"},
    {"reads-untracked-by_event",
     {{.order = output_order::by_event, .tell_reads = false}, reads},
     "c"},
    {"own-keys-reads-untracked", {{.tell_reads = false}, with(own, "", quiet)}, "c"},
    {"scope-key-but-shared-reads",
     {{.scope = store_scope::record_key}, with(reads, "", quiet)},
     "c"},
    {"interjection-no-barrier",
     {{.scope = store_scope::record_key, .interjections_hold = false}, many_interjections},
     "ce"},
    {"entries-by-event", {{.entries_by_turn = false}, counters}, "e"},
    {"coalesce-lazily", {{.coalesce_recorded = false}, counters}, "e"},
    {"map-not-inherited", {{.inherit = false}, crashing}, "a"},
    {"produce-overlaps", {{.produce_in_order = false}, own}, "be"},
    {"successors-go-on", {{.abort_successors = false}, own}, "Iabe"},
    {"fallback-cuts-groups", {{.cut_in_sets = false}, no_map}, "ce"},
    {"fallback-drops-map", {{.keep_map = false}, no_map}, "a"},
    {"restore-to-lso", {{.restore_to_end = false}, crashing}, "ce"},
    {"serial-but-untracked", {{.serial = true, .tell_reads = false}, reads}, "c"},
    {"throwing-turn-leaves-changes", {{.atomic_turns = false}, throwing}, "ce"},
    {"no-completion-order", {{.complete_order = false}, nothing_owned}, "b"},
  };
  for (auto& each : all) {
    INFO(each.rule);
    auto noticed = run(each.how, 1, 400);
    INFO(noticed);
    REQUIRE(!noticed.empty());
    auto check = noticed.substr(noticed.find(": ") + 2, 1);
    CHECK(std::string_view{each.noticed}.find(check) != std::string_view::npos);
  }
}
