// What the ready-made stores over a map of the standard library have in common; see
// keyed_store.hpp.
#pragma once

#include <keyloom/store/keyed_store.hpp>

namespace keyloom {

/// `Store` is the derived class, `Map` has std::map's or std::unordered_map's interface.
template <class Store, class Map, class KeyCodec, class ValueCodec>
class map_store : public keyed_store<Store, typename Map::key_type, typename Map::mapped_type,
                                     KeyCodec, ValueCodec> {
  using Key = typename Map::key_type;
  using Value = typename Map::mapped_type;
  using base = keyed_store<Store, Key, Value, KeyCodec, ValueCodec>;
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

  /// In a turn this reads every key.
  size_t size() const {
    this->note_all();
    return entries_.size();
  }

protected:
  ~map_store() = default;

  const Map& entries() const { return entries_; }

  template <class Function>
  void visit(Function&& f) const {
    for (auto& [key, value] : entries_)
      f(key, value);
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

  Map entries_;
};

} // namespace keyloom
