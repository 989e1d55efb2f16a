// A store of values by key, in no order; keyed_store.hpp says how stores are changed.
#pragma once

#include <keyloom/store/keyed_store.hpp>

#include <unordered_map>

namespace keyloom {

template <class Key, class Value, class KeyCodec = usual_codec<Key>,
          class ValueCodec = usual_codec<Value>, class Hash = std::hash<Key>>
class hash_map_store : public keyed_store<hash_map_store<Key, Value, KeyCodec, ValueCodec, Hash>,
                                          Key, Value, KeyCodec, ValueCodec> {
  using base = keyed_store<hash_map_store, Key, Value, KeyCodec, ValueCodec>;
  friend base;

public:
  using base::base;

  /// Null when the key has no value. Valid until its key is changed.
  const Value* find(const Key& key) const {
    this->note(key);
    auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : &it->second;
  }

  bool contains(const Key& key) const { return find(key) != nullptr; }

  /// Calls f(key, value) for all entries: in a turn this reads every key.
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
  std::optional<Value> put(Key key, Value value) {
    auto [it, is_new] = entries_.try_emplace(std::move(key), std::move(value));
    if (is_new)
      return std::nullopt;
    return std::exchange(it->second, std::move(value)); // try_emplace left it alone
  }

  std::optional<Value> take(const Key& key) {
    auto node = entries_.extract(key);
    return node ? std::optional<Value>{std::move(node.mapped())} : std::nullopt;
  }

  void drop_all() { entries_.clear(); }

  template <class Function>
  void visit(Function&& f) const {
    for (auto& [key, value] : entries_)
      f(key, value);
  }

  std::unordered_map<Key, Value, Hash> entries_;
};

} // namespace keyloom
