// What the ready-made stores have in common. They hold a value for each of some keys; a change sets
// or deletes one of them:
//
//   ctx.record_change(ctx.store().set("N14228", plane));
//   ctx.record_change(ctx.store().erase("N14228"));
//
// They note which keys a turn reads, so events depend on no more than they must, and a turn that
// fails is undone. Codecs make bytes of keys and values for the change log; strings, byte vectors
// and integers (as decimal text) have one, others are named: hash_map_store<std::string, plane,
// text, json<plane>>. One thread: the partition's.
#pragma once

#include <keyloom/codec/integer.hpp>
#include <keyloom/store/change.hpp>
#include <keyloom/store/digest.hpp>
#include <keyloom/store/reads.hpp>
#include <keyloom/store/scope.hpp>

#include <utility>

namespace keyloom {

namespace detail {

template <class T>
struct usual_codec {
  static_assert(sizeof(T) == 0, "name a codec for this type, such as json<T>");
};

template <>
struct usual_codec<std::string> {
  using type = text;
};

template <>
struct usual_codec<std::vector<std::byte>> {
  using type = bytes;
};

template <counting T>
struct usual_codec<T> {
  using type = decimal<T>;
};

} // namespace detail

template <class T>
using usual_codec = typename detail::usual_codec<T>::type;

/// A change of one key, with its value as the store holds it.
template <class Key, class Value>
struct assignment {
  Key key;
  std::optional<Value> value; ///< none: the key is deleted
};

/// A change that owns its bytes.
struct encoded_change {
  std::string key;
  std::optional<std::string> value;

  /// Valid as long as this lives.
  change view(std::string_view type = {}, header_block headers = {}) const {
    change result{key, std::nullopt, type, headers};
    if (value)
      result.value = *value;
    return result;
  }
};

/// `Store` is the derived class. It has, for this one and private to others:
///   std::optional<Value> put(Key, Value)      the value there was
///   std::optional<Value> take(const Key&)     removes it
///   void drop_all(), and void visit(f) const  with f(const Key&, const Value&)
template <class Store, class Key, class Value, class KeyCodec, class ValueCodec>
class keyed_store {
  static_assert(codec_for<KeyCodec, Key> && codec_for<ValueCodec, Value>);

public:
  using key_type = Key;
  using mapped_type = Value;
  using assignment = keyloom::assignment<Key, Value>;

  static constexpr keyloom::store_scope store_scope = keyloom::store_scope::tracked;

  explicit keyed_store(KeyCodec keys = {}, ValueCodec values = {})
    : key_codec_(std::move(keys)), value_codec_(std::move(values)) {}

  // -- for turns
  // -----------------------------------------------------------------------------------

  /// The change that gives the key this value. Nothing happens before it is recorded.
  assignment set(Key key, Value value) const { return {std::move(key), std::move(value)}; }

  /// The change that deletes the key.
  assignment erase(Key key) const { return {std::move(key), std::nullopt}; }

  // -- for keyloom
  // ---------------------------------------------------------------------------------

  /// Throws what the codecs throw.
  encoded_change encode(const assignment& what) const {
    encoded_change result{key_codec_.encode(what.key), std::nullopt};
    if (what.value)
      result.value = value_codec_.encode(*what.value);
    return result;
  }

  void apply(assignment what) {
    std::optional<Key> key;
    if (in_turn_)
      key.emplace(what.key);
    auto before = what.value ? self().put(std::move(what.key), std::move(*what.value))
                             : self().take(what.key);
    if (in_turn_)
      undo_.push_back({std::move(*key), std::move(before)});
  }

  /// errc::decode_failed when key or value are not what the codecs expect; nothing is changed then.
  caf::error apply(const change& what) {
    auto key = key_codec_.decode(what.key);
    if (!key)
      return std::move(key.error());
    assignment result{std::move(*key), std::nullopt};
    if (what.value) {
      auto value = value_codec_.decode(*what.value);
      if (!value)
        return std::move(value.error());
      result.value.emplace(std::move(*value));
    }
    apply(std::move(result));
    return {};
  }

  /// Drops everything.
  void begin_restore() {
    self().drop_all();
    end_turn();
  }

  /// From here on reads are noted, and changes can be undone, until `end_turn`.
  void begin_turn() {
    in_turn_ = true;
    reads_.clear();
    undo_.clear();
  }

  void end_turn() {
    in_turn_ = false;
    reads_.clear();
    undo_.clear();
  }

  /// Takes back the changes since `begin_turn`, and goes on noting reads.
  void undo_turn() {
    while (!undo_.empty()) {
      auto last = std::move(undo_.back());
      undo_.pop_back();
      if (last.value)
        self().put(std::move(last.key), std::move(*last.value));
      else
        self().take(last.key);
    }
  }

  /// Since `begin_turn`.
  const store_reads& reads() const { return reads_; }

  /// See digest.hpp. Encodes all entries.
  uint64_t digest() const {
    uint64_t result = 0;
    static_cast<const Store&>(*this).visit([&](const Key& key, const Value& value) {
      result += digest_of(key_codec_.encode(key), value_codec_.encode(value));
    });
    return result;
  }

protected:
  ~keyed_store() = default;

  void note(const Key& key) const {
    if (!in_turn_)
      return;
    if constexpr (std::same_as<KeyCodec, text>)
      reads_.note(key);
    else
      reads_.note(key_codec_.encode(key));
  }

  void note_all() const { reads_.all = in_turn_; }

private:
  Store& self() { return static_cast<Store&>(*this); }

  [[no_unique_address]] KeyCodec key_codec_;
  [[no_unique_address]] ValueCodec value_codec_;
  std::vector<assignment> undo_; ///< values before this turn's changes
  mutable store_reads reads_;
  bool in_turn_ = false;
};

} // namespace keyloom
