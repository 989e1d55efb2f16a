// The changes that one turn recorded, as bytes, serialised when they were recorded: what the store
// says later is no matter of the change log's. And how the entries of a transaction are made of
// them: in the order of turns, and of each key the last one alone, unless the log is to be read as
// a history. Recycled, so that in the long run nothing is allocated for a change. One thread: the
// partition's.
#pragma once

#include <keyloom/store/change.hpp>
#include <keyloom/store/reads.hpp>

#include <cstdint>

namespace keyloom::core {

class turn_changes {
public:
  /// One of the changes; its views are valid until the next `add`.
  struct entry {
    change what;
    uint64_t key_hash;
  };

  /// Keeps a copy of it.
  void add(const change& what);

  size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }
  entry operator[](size_t index) const;

  /// Bytes of keys, values, types and headers.
  size_t bytes() const { return bytes_.size(); }

  void clear();

private:
  static constexpr uint32_t deleted = UINT32_MAX;

  struct place {
    size_t begin;
    uint32_t key;
    uint32_t value; ///< or `deleted`
    uint32_t type;
    uint32_t headers;
    uint64_t key_hash;
  };

  std::string bytes_;
  std::vector<place> places_;
};

/// Chooses the entries of a transaction. Keeps its memory from one to the next.
class entry_chooser {
public:
  /// The entries of these turns, in their order; with `last_only`, of each key the last one. Valid
  /// until the next call, and as long as the turns' changes are.
  std::span<const change> choose(std::span<turn_changes* const> turns, bool last_only);

private:
  bool first_seen(std::string_view key, uint64_t hash);

  struct slot {
    uint64_t hash = 0;
    uint64_t round = 0; ///< older than the present one: not in use
    std::string_view key;
  };

  std::vector<slot> slots_;
  uint64_t round_ = 0;
  std::vector<change> chosen_;
};

} // namespace keyloom::core
