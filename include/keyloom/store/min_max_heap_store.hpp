// A priority queue with both ends: values by key, of which the least and the greatest are found at
// once, and any is changed or erased by its key. Keys break ties, so a restored store has the same
// ends. keyed_store.hpp says how stores are changed.
//
// Two binary heaps over the same entries, which know their places in both. A change takes
// logarithmic time; the ends, and a look-up by key, constant.
#pragma once

#include <keyloom/store/keyed_store.hpp>

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
  std::optional<end> min() const { return top(smallest_first); }

  /// The greatest value and its key.
  std::optional<end> max() const { return top(greatest_first); }

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
  enum side { smallest_first, greatest_first };

  struct ranked {
    Value value;
    size_t place[2]; ///< in the heaps
  };

  using node = std::pair<const Key, ranked>;

  std::optional<Value> put(Key key, Value value) {
    auto before = take(key);
    auto last = entries_.size();
    auto [it, is_new] = entries_.try_emplace(std::move(key),
                                             ranked{std::move(value), {last, last}});
    for (auto which : {smallest_first, greatest_first}) {
      heaps_[which].push_back(&*it);
      rise(which, last);
    }
    return before;
  }

  std::optional<Value> take(const Key& key) {
    auto it = entries_.find(key);
    if (it == entries_.end())
      return std::nullopt;
    for (auto which : {smallest_first, greatest_first})
      remove(which, it->second.place[which]);
    auto taken = entries_.extract(it);
    return std::move(taken.mapped().value);
  }

  void drop_all() {
    for (auto& heap : heaps_)
      heap.clear();
    entries_.clear();
  }

  template <class Function>
  void visit(Function&& f) const {
    for (auto& [key, what] : entries_)
      f(key, what.value);
  }

  // -- the heaps
  // -----------------------------------------------------------------------------------

  std::optional<end> top(side which) const {
    this->note_all();
    if (entries_.empty())
      return std::nullopt;
    auto& first = *heaps_[which].front();
    return end{first.first, first.second.value};
  }

  bool less(const node& a, const node& b) const {
    if (less_(a.second.value, b.second.value))
      return true;
    return !less_(b.second.value, a.second.value) && std::less<Key>{}(a.first, b.first);
  }

  /// Whether what is at `a` belongs above what is at `b`.
  bool above(side which, size_t a, size_t b) const {
    auto& heap = heaps_[which];
    return which == smallest_first ? less(*heap[a], *heap[b]) : less(*heap[b], *heap[a]);
  }

  void swap(side which, size_t a, size_t b) {
    auto& heap = heaps_[which];
    std::swap(heap[a], heap[b]);
    heap[a]->second.place[which] = a;
    heap[b]->second.place[which] = b;
  }

  void rise(side which, size_t place) {
    for (; place > 0 && above(which, place, (place - 1) / 2); place = (place - 1) / 2)
      swap(which, place, (place - 1) / 2);
  }

  void sink(side which, size_t place) {
    for (auto size = heaps_[which].size(); place * 2 + 1 < size;) {
      auto child = place * 2 + 1;
      if (child + 1 < size && above(which, child + 1, child))
        ++child;
      if (!above(which, child, place))
        return;
      swap(which, place, child);
      place = child;
    }
  }

  void remove(side which, size_t place) {
    auto& heap = heaps_[which];
    auto last = heap.size() - 1;
    if (place != last)
      swap(which, place, last);
    heap.pop_back();
    if (place != last) {
      sink(which, place);
      rise(which, place); // one of the two does nothing
    }
  }

  std::unordered_map<Key, ranked> entries_;
  std::vector<node*> heaps_[2];
  [[no_unique_address]] Less less_;
};

} // namespace keyloom
