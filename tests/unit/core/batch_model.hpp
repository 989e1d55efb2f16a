// What a batch planner must do, by brute force: every item that was ever added is kept and looked
// through for every question. `batch_random_test` lets a planner and this model live through the
// same and compares; `wrong` says which rule was broken.
#pragma once

#include "runtime/core/batch_planner.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>

namespace keyloom::test {

struct model_set final : detail::batch_job {
  std::vector<detail::batch_entry> items;
  bool dropped = false; ///< its order does not matter any more
  size_t size() const override { return items.size(); }
  detail::batch_entry& at(size_t index) override { return items[index]; }
};

/// What planner and model are both told: an item that failed is executed again this long after its
/// call, but for the last one, and not when its set was dropped.
struct trying {
  uint32_t calls = 1;
  std::chrono::milliseconds wait{0};

  bool again(const detail::batch_entry& item, uint32_t failed) const {
    return item.error && failed < calls && !static_cast<model_set*>(item.set)->dropped;
  }
};

class batch_model {
public:
  batch_model(const core::batch_planner::settings& how, const trying& again)
    : how_(how), again_(again) {}

  std::vector<std::string> wrong;

  void added(model_set& set, core::steady_time now) {
    auto number = sets_.size();
    auto& known = sets_.emplace_back();
    known.set = &set;
    known.owner = set.owner;
    known.hurried = hurried_.contains(set.owner);
    for (auto& each : set.items) {
      items_.push_back({&each, key_of(each.key, &each), number});
      known.keys.insert(items_.back().key);
    }
    if (set.items.empty()) {
      known.keys.insert(key_of(set.key, &set));
      items_.push_back({&set.turn, *known.keys.begin(), number});
    }
    end_turns();
    look_for_ready(now);
  }

  /// The planner says that this batch leaves.
  void left(const core::batch& which, core::steady_time now) {
    check(running_.size() < how_.max_batches, "more batches under way than max_batches");
    check(!which.items.empty(), "a batch without items");
    check(must_leave(now), "a batch left that was neither full nor due nor hurried");
    std::map<std::string, size_t> taken;
    uint64_t bytes = 0;
    for (auto* each : which.items) {
      auto& it = find(each);
      check(it.where == place::waiting && !it.rides(), "an item that did not wait is in a batch");
      check(!each->error, "an item is executed again with the error of the call before");
      check(ready_.contains(it.key), "I11: a key is in a second batch");
      check(first_waiting(it.key) == &it, "items of a key are out of order");
      it.where = place::running;
      it.in = &which;
      ++taken[it.key];
      bytes += each->bytes;
      take_turns_behind(it, which);
    }
    check(which.items.size() <= how_.max_items, "more items than max_items");
    check(how_.max_bytes == 0 || bytes <= how_.max_bytes || which.items.size() == 1,
          "more bytes than max_bytes");
    check_nothing_more_fits(which, taken, bytes);
    check_keys_take_turns(taken);
    for (auto& [key, count] : taken)
      ready_.erase(key);
    running_.insert(&which);
  }

  /// To be told before the planner is.
  void executed(const core::batch& which, core::steady_time now) {
    running_.erase(&which);
    std::set<std::string> parked;
    for (auto& it : items_) {
      if (it.where != place::running || it.in != &which)
        continue;
      auto again = !it.rides() && it.entry->error && again_.again(*it.entry, ++it.failed);
      if (again)
        parked.insert(it.key);
      it.executed = !again;
      it.where = parked.contains(it.key) ? place::waiting : place::over;
    }
    for (auto& key : parked)
      parked_[key] = now + again_.wait;
    end_turns();
    look_for_ready(now);
  }

  /// What is due goes on, but not for who drains.
  void time_is(core::steady_time now) {
    std::erase_if(parked_, [&](auto& each) {
      return each.second <= now && !sets_[first_waiting(each.first)->set].hurried;
    });
    look_for_ready(now);
  }

  void dropped(const void* owner, core::steady_time now) {
    for (auto& it : items_)
      if (it.where == place::waiting && sets_[it.set].owner == owner)
        it.where = place::over;
    for (auto& set : sets_)
      set.set->dropped |= set.owner == owner;
    hurried_.erase(owner);
    end_turns();
    std::erase_if(parked_, [this](auto& each) {
      auto* first = first_waiting(each.first);
      return first == nullptr || first->failed == 0;
    });
    std::erase_if(ready_, [this](auto& each) { return first_waiting(each.first) == nullptr; });
    look_for_ready(now);
  }

  void hurried(const void* owner) {
    hurried_.insert(owner);
    for (auto& set : sets_)
      set.hurried |= set.owner == owner;
  }

  /// These sets have come back, in this order.
  void ended(const std::vector<detail::batch_job*>& news) {
    for (auto* each : news) {
      auto it = std::ranges::find(sets_, each, &known_set::set);
      auto number = static_cast<size_t>(it - sets_.begin());
      check(!it->back, "a set came back twice");
      check(is_over(number), "a set came back before its items were over");
      if (it->keys.size() == 1 && !it->set->dropped)
        for (size_t before = 0; before < number; ++before)
          check(sets_[before].back || sets_[before].keys != it->keys,
                "sets of a key came back out of order");
      it->back = true;
    }
    for (size_t number = 0; number < sets_.size(); ++number)
      check(sets_[number].back || !is_over(number), "a set that is over did not come back");
  }

  /// The planner has no batch that leaves now.
  void none_leaves(core::steady_time now) { check(!must_leave(now), "a batch should have left"); }

  void check_deadline(std::optional<core::steady_time> said) {
    std::optional<core::steady_time> expected;
    if (!ready_.empty())
      expected = oldest_ready() + how_.delay;
    for (auto& [key, due] : parked_)
      if (!sets_[first_waiting(key)->set].hurried)
        expected = std::min(expected.value_or(due), due);
    if (running_.size() == how_.max_batches)
      expected.reset();
    check(said == expected, "another deadline than the oldest key's, or the first that is parked");
  }

  uint64_t waiting() const {
    return static_cast<uint64_t>(std::ranges::count_if(items_, [](auto& it) {
      return it.where == place::waiting && !it.rides();
    }));
  }

  /// Sets of this owner that wait for something to be executed again, and for nothing else before.
  uint64_t standing(const void* owner) const {
    return static_cast<uint64_t>(std::ranges::count_if(sets_, [&](auto& set) {
      auto number = static_cast<size_t>(&set - sets_.data());
      auto waits = false;
      for (auto& it : items_) {
        if (it.set != number)
          continue;
        if (it.where == place::running && !it.rides())
          return false;
        waits |= it.where == place::waiting && parked_.contains(it.key);
      }
      return waits && set.owner == owner;
    }));
  }

  bool all_back() const { return std::ranges::all_of(sets_, &known_set::back); }

private:
  enum class place : uint8_t { waiting, running, over };

  struct known_set {
    model_set* set = nullptr;
    const void* owner = nullptr;
    std::set<std::string> keys;
    bool hurried = false;
    bool back = false;
  };

  struct known_item {
    detail::batch_entry* entry = nullptr;
    std::string key;
    size_t set = 0;
    place where = place::waiting;
    const core::batch* in = nullptr;
    bool executed = false;
    uint32_t failed = 0; ///< calls
    bool rides() const { return executed || entry == &entry->set->turn; }
  };

  struct since {
    core::steady_time at;
    uint64_t number = 0; ///< in which order keys became ready; the same for who did together
  };

  void check(bool holds, const std::string& rule) {
    if (!holds)
      wrong.push_back(rule);
  }

  /// Without a key an item is a key of its own.
  static std::string key_of(std::string_view key, const void* self) {
    return key.data() != nullptr ? "k" + std::string{key}
                                 : "self" + std::to_string(reinterpret_cast<uintptr_t>(self));
  }

  known_item& find(const detail::batch_entry* entry) {
    return *std::ranges::find(items_, entry, &known_item::entry);
  }

  const known_item* first_waiting(const std::string& key) const {
    for (auto& it : items_)
      if (it.where == place::waiting && it.key == key)
        return &it;
    return nullptr;
  }

  /// Sets without items ride with what is before them.
  void take_turns_behind(const known_item& item, const core::batch& in) {
    for (auto* next = first_waiting(item.key); next != nullptr && next->rides();
         next = first_waiting(item.key)) {
      auto& turn = find(next->entry);
      turn.where = place::running;
      turn.in = &in;
    }
  }

  /// Sets without items are over when nothing before them in their key is left.
  void end_turns() {
    std::set<std::string> blocked;
    for (auto& it : items_) {
      if (it.where == place::over)
        continue;
      if (it.rides() && !blocked.contains(it.key))
        it.where = place::over;
      else
        blocked.insert(it.key);
    }
  }

  void look_for_ready(core::steady_time now) {
    std::set<std::string> running;
    for (auto& it : items_)
      if (it.where == place::running)
        running.insert(it.key);
    for (auto& it : items_)
      if (it.where == place::waiting && !running.contains(it.key) && !ready_.contains(it.key)
          && !parked_.contains(it.key))
        ready_[it.key] = {now, ready_count_};
    ++ready_count_;
  }

  core::steady_time oldest_ready() const {
    return std::ranges::min_element(ready_, {}, [](auto& each) { return each.second.at; })
      ->second.at;
  }

  bool must_leave(core::steady_time now) const {
    if (ready_.empty() || running_.size() >= how_.max_batches)
      return false;
    uint64_t items = 0;
    uint64_t bytes = 0;
    auto hurry = false;
    for (auto& it : items_) {
      if (it.where != place::waiting || it.rides())
        continue;
      hurry |= sets_[it.set].hurried;
      if (ready_.contains(it.key)) {
        ++items;
        bytes += it.entry->bytes;
      }
    }
    return items >= how_.max_items || (how_.max_bytes > 0 && bytes >= how_.max_bytes) || hurry
           || oldest_ready() + how_.delay <= now;
  }

  /// Of the keys in it, and of the one that is next in line.
  void check_nothing_more_fits(const core::batch& which, const std::map<std::string, size_t>& taken,
                               uint64_t bytes) {
    auto more = [&](const known_item& it) {
      return which.items.size() < how_.max_items
             && (how_.max_bytes == 0 || bytes + it.entry->bytes <= how_.max_bytes);
    };
    auto rest = ready_;
    for (auto& [key, count] : taken) {
      if (auto* next = first_waiting(key))
        check(!more(*next), "an item of a key in the batch was left although it fits");
      rest.erase(key);
    }
    auto part = std::ranges::any_of(taken, [this](auto& each) {
      return first_waiting(each.first) != nullptr;
    });
    if (rest.empty() || part)
      return;
    auto next = std::ranges::min_element(rest, {}, [](auto& each) { return each.second.number; });
    auto full = std::ranges::any_of(rest, [&](auto& each) {
      return each.second.number == next->second.number && !more(*first_waiting(each.first));
    });
    check(full, "the next key was left although it fits");
  }

  void check_keys_take_turns(const std::map<std::string, size_t>& taken) {
    for (auto& [key, when] : ready_)
      for (auto& [other, count] : taken)
        check(taken.contains(key) || ready_[other].number <= when.number,
              "a key went before one that was ready earlier");
  }

  bool is_over(size_t number) const {
    return std::ranges::all_of(items_, [&](auto& it) {
      return it.set != number || it.where == place::over;
    });
  }

  core::batch_planner::settings how_;
  trying again_;
  std::vector<known_set> sets_;
  std::deque<known_item> items_;
  std::map<std::string, since> ready_;
  uint64_t ready_count_ = 0;
  std::map<std::string, core::steady_time> parked_; ///< keys, until when
  std::set<const core::batch*> running_;
  std::set<const void*> hurried_;
};

} // namespace keyloom::test
