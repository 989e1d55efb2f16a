// A store of values by key, in no order; keyed_store.hpp says how stores are changed.
#pragma once

#include <keyloom/store/map_store.hpp>

#include <unordered_map>

namespace keyloom {

template <class Key, class Value, class KeyCodec = usual_codec<Key>,
          class ValueCodec = usual_codec<Value>, class Hash = std::hash<Key>>
class hash_map_store
  : public map_store<hash_map_store<Key, Value, KeyCodec, ValueCodec, Hash>,
                     std::unordered_map<Key, Value, Hash>, KeyCodec, ValueCodec> {
  using base
    = map_store<hash_map_store, std::unordered_map<Key, Value, Hash>, KeyCodec, ValueCodec>;

public:
  using base::base;

  /// Calls f(key, value) for all entries: in a turn this reads every key.
  template <class Function>
  void for_each(Function f) const {
    this->note_all();
    this->visit(f);
  }
};

} // namespace keyloom
