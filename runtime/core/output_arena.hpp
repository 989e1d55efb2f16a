// Outputs that wait for their transaction, packed one behind the other into chunks. An outgoing
// record as users make it is up to four strings of their own; tens of thousands of them would be in
// no core's cache when their transaction is built, sent and committed. Chunks are used again, and
// given back when nothing waits any more. An output that stays keeps its whole chunk, so they are
// small. One thread makes and releases: the partition's; others read what was made before they were
// told.
#pragma once

#include <keyloom/record.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace keyloom::core {

/// An output without headers and timestamp, as views. A null key or value has a null `data()`.
struct output_view {
  std::string_view topic;
  std::string_view key = {};
  std::string_view value = {};
  std::string_view type = {};
  std::optional<int32_t> partition = std::nullopt;

  /// With strings of its own.
  outgoing_record copy() const;
};

/// One that was packed. Behind it lie the bytes of key, value and type.
struct packed_output {
  static constexpr uint32_t null = std::numeric_limits<uint32_t>::max();

  packed_output* next = nullptr; ///< of the same event
  const std::string* topic = nullptr;
  uint32_t key_size = null;
  uint32_t value_size = null;
  uint32_t type_size = 0;
  std::optional<int32_t> partition = std::nullopt;

  /// As views; `data()` of a null key or value is null.
  std::string_view key() const { return view(0, key_size); }
  std::string_view value() const { return view(length(key_size), value_size); }
  std::string_view type() const { return view(length(key_size) + length(value_size), type_size); }

  /// Bytes of key, value and type.
  size_t payload() const { return length(key_size) + length(value_size) + type_size; }

  /// As it was.
  outgoing_record unpack() const;

private:
  static size_t length(uint32_t size) { return size == null ? 0 : size; }

  std::string_view view(size_t at, uint32_t size) const {
    if (size == null)
      return {};
    return {reinterpret_cast<const char*>(this + 1) + at, size};
  }
};

/// The outputs of one event, in order.
struct packed_outputs {
  packed_output* first = nullptr;
  packed_output* last = nullptr;

  bool empty() const { return first == nullptr; }

  void append(const packed_outputs& others) {
    if (!others.empty())
      (first == nullptr ? first : last->next) = others.first;
    last = others.empty() ? last : others.last;
  }

  /// Most events have one output, which need not be looked at for this.
  template <class Function>
  void for_each(Function f) const {
    for (auto* each = first; each != nullptr;) {
      auto* next = each == last ? nullptr : each->next;
      f(*each);
      each = next;
    }
  }
};

class output_arena {
public:
  output_arena() = default;
  output_arena(const output_arena&) = delete;
  output_arena& operator=(const output_arena&) = delete;
  ~output_arena();

  /// Others keep the strings they have.
  static bool takes(const outgoing_record& rec);
  static bool packs(const record& rec);

  /// Copies one, which `takes` accepts, behind those of the event.
  void pack(const outgoing_record& rec, packed_outputs& into);
  void pack(const output_view& what, packed_outputs& into);

  /// They are not looked at any more.
  void release(packed_outputs& which);

  /// Bytes of all chunks, those included that wait to be used again.
  size_t bytes() const { return bytes_; }

private:
  struct chunk;

  void* allocate(size_t bytes);
  chunk* fresh(size_t bytes);
  void drop(chunk& empty);
  void free(chunk& which);
  const std::string* name_of(std::string_view topic);

  chunk* first_ = nullptr; ///< of all
  chunk* current_ = nullptr;
  std::vector<chunk*> spare_;
  std::set<std::string, std::less<>> topics_;
  const std::string* last_topic_ = nullptr;
  size_t alive_ = 0; ///< outputs
  size_t bytes_ = 0;
};

} // namespace keyloom::core
