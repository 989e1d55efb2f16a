// A ready-made store against a std::map: random turns, some of which fail and are undone, and at
// the end a store that is restored from what the turns recorded.
#pragma once

#include "runtime/core/store_turns.hpp"
#include "tests/fakes/seeds.hpp"

#include <map>

namespace keyloom::test {

template <class Store>
std::map<typename Store::key_type, typename Store::mapped_type> contents(const Store& store) {
  std::map<typename Store::key_type, typename Store::mapped_type> result;
  store.for_each([&](auto& key, auto& value) { result.emplace(key, value); });
  return result;
}

/// `compare(store, model)` is called after each turn; returns what is wrong.
template <class Store, class Compare>
std::string random_turns(uint64_t seed, Compare compare) {
  std::mt19937_64 random{seed};
  auto pick = [&](size_t below) { return random() % below; };
  using key = typename Store::key_type;
  using value = typename Store::mapped_type;
  auto owned = std::make_unique<Store>();
  auto& store = *owned;
  detail::store_adapter<Store> port{std::move(owned)};
  core::store_turns turns{port};
  std::map<key, value> model;
  std::vector<core::turn_changes*> log;
  auto keys = 1 + pick(40);
  for (auto turn = 0; turn < 60; ++turn) {
    auto before = model;
    turns.begin();
    for (auto changes = pick(6); changes > 0; --changes) {
      auto where = static_cast<key>(pick(keys));
      if (pick(3) == 0) {
        detail::record_change(store, turns, store.erase(where));
        model.erase(where);
      } else {
        auto what = static_cast<value>(pick(30));
        detail::record_change(store, turns, store.set(where, what));
        model[where] = what;
      }
    }
    if (pick(3) == 0) {
      if (!turns.undo())
        return "a ready-made store cannot undo";
      model = before;
    } else if (auto done = turns.end(); done.changes != nullptr) {
      log.push_back(done.changes);
    }
    if (contents(store) != model)
      return "other contents after turn " + std::to_string(turn);
    if (auto problem = compare(store, model); !problem.empty())
      return problem + " after turn " + std::to_string(turn);
  }
  Store restored;
  detail::store_adapter<Store> from_log{std::make_unique<Store>()};
  core::entry_chooser chooser;
  if (from_log.begin_restore())
    return "begin_restore failed";
  for (auto& entry : chooser.choose(log, pick(2) == 0))
    if (auto problem = from_log.apply(entry))
      return describe(problem);
  if (from_log.restored())
    return "restored failed";
  auto& again = *static_cast<const Store*>(from_log.object());
  if (contents(again) != model)
    return "other contents when restored";
  if (from_log.digest() != port.digest() || from_log.size() != model.size())
    return "another digest or size when restored";
  return compare(again, model);
}

/// Runs the seeds; what the first bad one said.
template <class Store, class Compare>
std::string random_stores(Compare compare) {
  for (auto first : seeds())
    for (auto seed = first * 1000; seed < first * 1000 + 40; ++seed)
      if (auto problem = random_turns<Store>(seed, compare); !problem.empty())
        return problem + ", store " + std::to_string(seed) + "; " + replay(first);
  return {};
}

} // namespace keyloom::test
