// A store of values by key, in the order of keys; keyed_store.hpp says how stores are changed.
// Scans read every key as far as exactly once is concerned: whoever writes the store while the
// event of a scan is held leaves before it or with it.
#pragma once

#include <keyloom/store/map_store.hpp>

#include <map>

namespace keyloom {

template <class Key, class Value, class KeyCodec = usual_codec<Key>,
          class ValueCodec = usual_codec<Value>, class Less = std::less<Key>>
class ordered_map_store
  : public map_store<ordered_map_store<Key, Value, KeyCodec, ValueCodec, Less>,
                     std::map<Key, Value, Less>, KeyCodec, ValueCodec> {
  using container = std::map<Key, Value, Less>;
  using base = map_store<ordered_map_store, container, KeyCodec, ValueCodec>;

public:
  using entry = std::pair<const Key, Value>;

  using base::base;

  /// The first entry whose key is not less than this one; null when there is none.
  const entry* at_or_after(const Key& key) const {
    this->note_all();
    return address(entries().lower_bound(key));
  }

  /// The last entry whose key is less than this one.
  const entry* before(const Key& key) const {
    this->note_all();
    auto it = entries().lower_bound(key);
    return it == entries().begin() ? nullptr : &*std::prev(it);
  }

  const entry* first() const {
    this->note_all();
    return address(entries().begin());
  }

  const entry* last() const {
    this->note_all();
    return entries().empty() ? nullptr : &*std::prev(entries().end());
  }

  /// Calls f(key, value) for all entries in order. When f returns a bool, false ends it.
  template <class Function>
  void for_each(Function f) const {
    this->note_all();
    walk(
      entries().begin(), [](const Key&) { return true; }, f);
  }

  /// For those from `from` up to, but without, `to`.
  template <class Function>
  void for_each_between(const Key& from, const Key& to, Function f) const {
    this->note_all();
    walk(
      entries().lower_bound(from), [&](const Key& key) { return entries().key_comp()(key, to); },
      f);
  }

  /// For those that begin with `prefix`, where keys are strings in their usual order.
  template <class Function>
  void for_each_with_prefix(std::string_view prefix, Function f) const
    requires std::same_as<Key, std::string> && std::same_as<Less, std::less<Key>>
  {
    this->note_all();
    walk(
      entries().lower_bound(std::string{prefix}),
      [&](const Key& key) { return key.starts_with(prefix); }, f);
  }

private:
  using base::entries;

  const entry* address(typename container::const_iterator it) const {
    return it == entries().end() ? nullptr : &*it;
  }

  template <class Belongs, class Function>
  void walk(typename container::const_iterator at, Belongs belongs, Function& f) const {
    for (; at != entries().end() && belongs(at->first); ++at)
      if constexpr (std::is_same_v<decltype(f(at->first, at->second)), bool>) {
        if (!f(at->first, at->second))
          return;
      } else {
        f(at->first, at->second);
      }
  }
};

} // namespace keyloom
