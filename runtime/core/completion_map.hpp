// What a commit says beside its offset: which later offsets are out, too, so that their records are
// not worked on again after a crash or a hand-over. It travels in the commit's metadata:
//
//   keyloom:1:<sealed text of>  flags | topic id, 16 bytes | mark | runs or bitmap
//
// Text, because Kafka's metadata is a string: clients in Java read it as UTF-8 and write back what
// they made of it, and people print it. The number is the version; what a later one looks like is
// not known here, so it is left alone. The seal covers the committed offset, because the map counts
// from it: a damaged map, or one that was moved to another offset, would name what is not out.
//
// Beyond the offset there are runs (two varints each: the gap before it and its length) or a
// bitmap, whichever is shorter; when neither fits, the one that reaches farther, without what is
// farthest. Nothing is compressed, and every gap counts from the run before it: so when the
// committed offset moves on, what is left never takes more bytes than it did before.
//
// Offsets without a record (control records, compaction) between two that are out count as out.
// Pure functions and values, any thread.
#pragma once

#include "runtime/core/topic_id.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyloom::core {

/// Offsets from `begin` up to, but without, `end`.
struct offset_run {
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const offset_run&) const = default;
};

/// What may be committed of a partition: an offset, and what is out beyond it.
struct progress {
  int64_t offset = -1;                 ///< the lowest one not out; -1: unknown yet
  std::vector<offset_run> beyond = {}; ///< ascending, none empty, none touching the next
};

/// Tells a transaction's commit from every other, so that one whose outcome is not known can be
/// looked up in the group, and says how far its owner has written the change log.
struct commit_mark {
  uint64_t owner = 0;   ///< of an assignment, by chance
  uint64_t number = 0;  ///< of its commits
  int64_t log_end = -1; ///< the change log ends here or later; -1: there is none
  bool operator==(const commit_mark&) const = default;
};

/// Most bytes of a mark, before it is made text.
constexpr size_t mark_bytes = 26;

struct completion_map {
  std::optional<topic_id> topic; ///< the topic that was read, where the broker told
  /// Out beyond the committed offset, as in progress.
  std::vector<offset_run> out;
  std::optional<commit_mark> mark = {}; ///< under exactly once
  bool operator==(const completion_map&) const = default;
};

/// Most characters of an encoded map. Brokers take 4,096 unless they are told otherwise
/// (offset.metadata.max.bytes); not every client could send the last one.
constexpr size_t max_metadata = 3999;

/// No map has more runs than `most_runs` and reaches farther than `most_span` behind the committed
/// offset: who gathers runs may stop there.
constexpr size_t most_runs = max_metadata * 3 / 4 / 2;
constexpr int64_t most_span = static_cast<int64_t>(max_metadata) * 3 / 4 * 8;

/// The commit's metadata, of at most `limit` characters. Runs before `committed`, an offset of 0 or
/// more, must be gone. Empty when there is nothing to say, or not even the topic fits.
std::string encode(const completion_map& map, int64_t committed, size_t limit = max_metadata);

/// What a commit's metadata turned out to be.
enum class metadata_kind {
  none,    ///< empty
  map,     ///< a map of ours
  foreign, ///< another program's
  newer,   ///< of a version that is not known here
  damaged, ///< ours, and not what was written, or not for this offset
};

struct decoded_metadata {
  metadata_kind kind = metadata_kind::none;
  completion_map map; ///< empty unless `kind` is map
};

/// Reads the metadata of a commit of this offset. Any bytes are safe.
decoded_metadata decode(std::string_view metadata, int64_t committed);

/// Drops what is out before `committed`.
void drop_before(std::vector<offset_run>& runs, int64_t committed);

} // namespace keyloom::core
