// A priority queue with both ends: values by key, of which the least and the greatest are found at
// once, and any is changed or erased by its key. Keys break ties, so a restored store has the same
// ends. keyed_store.hpp says how stores are changed.
//
// A min-max heap (Atkinson et al. 1986) over the entries, which know their places: on its even
// levels none below is less, on its odd ones none below is greater. A change takes logarithmic
// time; the ends, and a look-up by key, constant.
#pragma once

#include <keyloom/store/keyed_store.hpp>

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace keyloom {

template <class Key, class Value, class KeyCodec = usual_codec<Key>,
          class ValueCodec = usual_codec<Value>, class Less = std::less<Value>>
class min_max_heap_store
  : public keyed_store<min_max_heap_store<Key, Value, KeyCodec, ValueCodec, Less>, Key, Value,
                       KeyCodec, ValueCodec> {
  using base = keyed_store<min_max_heap_store, Key, Value, KeyCodec, ValueCodec>;
  friend base;

public:
  /// An end of the queue; valid until the store is changed.
  struct end {
    const Key& key;
    const Value& value;
  };

  using base::base;

  /// The least value and its key; none in an empty queue. In a turn this reads every key, as any
  /// change could move the end.
  std::optional<end> min() const { return end_at(0); }

  /// The greatest value and its key.
  std::optional<end> max() const { return end_at(greatest()); }

  /// Null when the key has no value. Reads this key alone.
  const Value* find(const Key& key) const {
    this->note(key);
    auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : &it->second.value;
  }

  bool contains(const Key& key) const { return find(key) != nullptr; }

  /// Calls f(key, value) for all entries, in no order: in a turn this reads every key.
  template <class Function>
  void for_each(Function f) const {
    this->note_all();
    visit(f);
  }

  /// In a turn this reads every key.
  size_t size() const {
    this->note_all();
    return entries_.size();
  }

private:
  enum side { smallest, largest };

  struct ranked {
    Value value;
    size_t place; ///< in the heap
  };

  using node = std::pair<const Key, ranked>;

  std::optional<Value> put(Key key, Value value) {
    auto before = take(key);
    auto last = heap_.size();
    auto [it, is_new] = entries_.try_emplace(std::move(key), ranked{std::move(value), last});
    heap_.push_back(&*it);
    rise(last);
    return before;
  }

  std::optional<Value> take(const Key& key) {
    auto it = entries_.find(key);
    if (it == entries_.end())
      return std::nullopt;
    remove(it->second.place);
    auto taken = entries_.extract(it);
    return std::move(taken.mapped().value);
  }

  void drop_all() {
    heap_.clear();
    entries_.clear();
  }

  template <class Function>
  void visit(Function&& f) const {
    for (auto& [key, what] : entries_)
      f(key, what.value);
  }

  // -- the heap
  // ------------------------------------------------------------------------------------

  std::optional<end> end_at(size_t place) const {
    this->note_all();
    if (heap_.empty())
      return std::nullopt;
    return end{heap_[place]->first, heap_[place]->second.value};
  }

  /// The place of the greatest: the root's greater child, where it has any.
  size_t greatest() const {
    if (heap_.size() < 3)
      return heap_.empty() ? 0 : heap_.size() - 1;
    return above(largest, 1, 2) ? 1 : 2;
  }

  bool less(const node& a, const node& b) const {
    if (less_(a.second.value, b.second.value))
      return true;
    return !less_(b.second.value, a.second.value) && std::less<Key>{}(a.first, b.first);
  }

  /// Whether what is at `a` belongs above what is at `b` on the levels of this side.
  bool above(side which, size_t a, size_t b) const {
    return which == smallest ? less(*heap_[a], *heap_[b]) : less(*heap_[b], *heap_[a]);
  }

  /// The side of the level that a place is on.
  static side side_of(size_t place) {
    return std::bit_width(place + 1) % 2 == 1 ? smallest : largest;
  }

  static side other(side which) { return which == smallest ? largest : smallest; }

  static size_t parent(size_t place) { return (place - 1) / 2; }

  void swap(size_t a, size_t b) {
    std::swap(heap_[a], heap_[b]);
    heap_[a]->second.place = a;
    heap_[b]->second.place = b;
  }

  /// What is here may belong higher up.
  void rise(size_t place) {
    if (place == 0)
      return;
    auto which = side_of(place);
    if (above(other(which), place, parent(place))) {
      swap(place, parent(place));
      place = parent(place);
      which = other(which);
    }
    while (place > 2 && above(which, place, parent(parent(place)))) {
      swap(place, parent(parent(place)));
      place = parent(parent(place));
    }
  }

  /// What is here may belong farther down.
  void sink(size_t place) {
    auto which = side_of(place);
    while (auto next = uppermost_below(which, place)) {
      if (!above(which, next, place))
        return;
      swap(next, place);
      if (parent(next) == place)
        return;
      if (above(other(which), next, parent(next)))
        swap(next, parent(next));
      place = next;
    }
  }

  /// Among children and grandchildren of a place; 0 when it has none.
  size_t uppermost_below(side which, size_t place) const {
    size_t result = 0;
    auto look = [&](size_t first, size_t count) {
      for (auto i = first; i < std::min(first + count, heap_.size()); ++i)
        if (result == 0 || above(which, i, result))
          result = i;
    };
    look(place * 2 + 1, 2);
    look(place * 4 + 3, 4);
    return result;
  }

  void remove(size_t place) {
    auto last = heap_.size() - 1;
    swap(place, last);
    heap_.pop_back();
    if (place == last)
      return;
    rise(place);
    sink(place); // what has come here
  }

  std::unordered_map<Key, ranked> entries_;
  std::vector<node*> heap_;
  [[no_unique_address]] Less less_;
};

} // namespace keyloom
