// Whether an output topic holds what an input topic held: each record, in its key's order, and
// nothing else. Takes the fingerprints of both (record_identity.hpp) in the order they were read
// and compares them at the end: 16 bytes a record, and half as much again while it sorts.
//
// Order is judged at a record's first appearance, so that a worker that began again from an earlier
// offset (at least once) is not accused: T = a b c, out = a b a b c has two duplicates and is in
// order. Values may repeat within a key: out is then in order when T can be read out of it with
// every other record a repetition of what came before. Only where that fails are repeated values
// paired by their number of occurrence. A key is expected to live in one partition of each topic;
// records without a key have no order. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace keyloom::tools {

/// All counts are of records.
struct verification_result {
  size_t expected = 0;     ///< in the input
  size_t seen = 0;         ///< of those, found in the output
  size_t lost = 0;         ///< of those, not found
  size_t duplicates = 0;   ///< in the output once more than in the input
  size_t out_of_order = 0; ///< first seen after a record of the key that was behind it in the input
  size_t foreign = 0;      ///< in the output, but nowhere in the input under this key

  bool operator==(const verification_result&) const = default;

  /// What is claimed: nothing lost, foreign or out of order; with `exactly_once`, nothing twice.
  bool holds(bool exactly_once) const {
    return lost == 0 && out_of_order == 0 && foreign == 0 && (!exactly_once || duplicates == 0);
  }
};

class verification {
public:
  /// Adds the next record of the input topic; a null `data()` in `key` means none.
  void add_expected(std::string_view key, std::string_view value);

  /// Adds the next record of the output topic.
  void add_seen(std::string_view key, std::string_view value);

  /// Compares; to be called once, after everything was added.
  verification_result finish();

private:
  struct entry {
    uint64_t key;
    uint64_t value;
  };

  /// Records of a topic as read, until `finish` sorts them by key.
  struct reading {
    std::vector<entry> keyed;
    std::vector<uint64_t> keyless;

    void add(std::string_view key, std::string_view value);
  };

  reading expected_;
  reading seen_;
};

} // namespace keyloom::tools
