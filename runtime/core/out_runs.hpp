// The records of a partition that are out, as runs between those that are not, and whether a
// completion map could name what is out together with some that would leave now.
//
// Records are numbered in the order of their offsets, without gaps, so offsets without a record lie
// within a run. What was out before this assignment and is still to come is carried on behind the
// runs. All costs go with the runs and the leaving records, not with what is held: a map can name
// some thousand runs at most. One thread: the partition's.
#pragma once

#include "runtime/core/completion_map.hpp"

#include <deque>
#include <span>

namespace keyloom::core {

/// Bytes that a completion map has for what is out, in at most `limit` characters of metadata.
size_t map_room(bool has_topic, size_t limit = max_metadata);

class out_runs {
public:
  /// A complete record, or an event without one, that may leave when all up to `reach` may.
  struct leaving {
    uint64_t record; ///< its number; held_event::no_record
    uint64_t reach;
    uint64_t sequence; ///< of the event; the reach is as high or higher
  };

  /// Bytes that a completion map takes for `out`, as `encode` writes it.
  static size_t map_bytes(const std::vector<offset_run>& out, int64_t committed);

  /// `start`: where the partition begins, and what was out beyond it. `room`: as `map_room` says.
  out_runs(progress start, size_t room);

  /// The next record, which is not out. Returns its number.
  uint64_t admit(int64_t offset);

  /// The next record, which was out before.
  void pass_over(int64_t offset);

  /// All records below this offset were admitted.
  void moved_to(int64_t position);

  /// How many of these, from the first on, could leave at all: from some event on no part that goes
  /// so far fits, whatever else leaves. A bound, found without much ado, and mostly all of them.
  size_t plausible(std::span<const leaving> records) const;

  /// Counts these as out, which are in the order of their numbers, and true; or false, when a map
  /// could not name all that is out then.
  bool leave(std::span<const leaving> records);

  /// All records from the lowest that is not out up to this one leave. False, and nothing happens,
  /// unless these begin there and nothing is out beyond it but what is inherited, for which a map
  /// has as much room behind a higher offset.
  bool leave_in_line(uint64_t first, uint64_t last);

  /// The highest reach for which those up to it may leave; none: no part of them may.
  std::optional<uint64_t> best_reach(std::span<const leaving> records) const;

  /// The lowest offset not out, when everything is out the position; and what is out beyond it.
  progress reached() const;

  /// Runs beyond the lowest record that is not out, without what is inherited.
  size_t count() const { return runs_.size(); }

private:
  /// Records that are out, one after the other, as far as they go.
  struct run {
    uint64_t first; ///< numbers of records
    uint64_t last;
    int64_t begin; ///< offsets
    int64_t end;
    int64_t after; ///< offset of the record behind it; -1: none was admitted yet
  };

  /// Records whose offsets follow each other, up to the next stretch.
  struct stretch {
    uint64_t first;
    int64_t offset;
  };

  class reach_search;

  static size_t run_bytes(int64_t gap, int64_t length);
  static size_t bitmap_bytes(int64_t span) { return static_cast<size_t>(span + 7) / 8; }
  run run_of(const leaving& one) const;
  int64_t offset_of(uint64_t record) const;
  int64_t offset_behind(uint64_t record) const;
  void lowest_is(uint64_t record, int64_t offset);
  static void append(std::vector<run>& runs, const run& next);
  uint64_t next(int64_t offset);
  bool touches_inherited(uint64_t last_record) const;
  int64_t committed(int64_t lowest_offset) const;
  void name(const std::vector<run>& runs, std::vector<offset_run>& to) const;

  size_t room_;
  int64_t position_;
  uint64_t next_record_ = 0;
  uint64_t lowest_ = 0;               ///< the number of the lowest record not out
  int64_t lowest_offset_ = -1;        ///< -1: none was admitted yet
  std::deque<stretch> stretches_;     ///< from the lowest record on
  std::vector<run> runs_;             ///< beyond it
  std::vector<offset_run> inherited_; ///< from `inherited_from_` on
  size_t inherited_from_ = 0;
  std::vector<run> merged_; // of `leave`
  std::vector<offset_run> named_;
};

} // namespace keyloom::core
