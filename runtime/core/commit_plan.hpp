// What to commit next, over all partitions of a source. One commit is under way at a time, and each
// carries every partition that moved, so commits of a partition never overtake each other (I1).
// What is committed never goes back within an assignment. One thread: the committer's.
//
// Beside its offset a partition has what is out beyond it. The offset is known at once, what is
// beyond only now and then; as nothing that is out ever ceases to be, the two are true together all
// the same, once what the offset has passed is dropped (I2).
#pragma once

#include "runtime/core/completion_map.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace keyloom::core {

template <class Where>
class commit_plan {
public:
  struct entry {
    Where where;
    progress what;
  };

  /// Follows a partition that starts with `what`, as it is committed.
  void add(const Where& where, progress what) {
    auto offset = what.offset;
    parts_[where] = part{offset, std::move(what), false};
  }

  void remove(const Where& where) { parts_.erase(where); }

  /// The partition's lowest offset not out is now `offset`. One that is lower than before is
  /// ignored.
  void moved(const Where& where, int64_t offset) {
    if (auto it = parts_.find(where); it != parts_.end())
      move(it->second.target, offset);
  }

  /// The partition was seen to have come so far, now or a while ago.
  void moved(const Where& where, progress what) {
    auto it = parts_.find(where);
    if (it == parts_.end())
      return;
    auto& target = it->second.target;
    move(target, what.offset);
    drop_before(what.beyond, target.offset);
    if (what.beyond == target.beyond)
      return;
    target.beyond = std::move(what.beyond);
    it->second.beyond_changed = true;
  }

  /// What to send now; empty when nothing moved or a commit is under way. The caller answers with
  /// `answered`.
  std::vector<entry> next() {
    std::vector<entry> result;
    if (under_way_)
      return result;
    for (auto& [where, state] : parts_)
      if (waits(state)) {
        result.push_back({where, state.target});
        state.beyond_changed = false;
      }
    under_way_ = !result.empty();
    return result;
  }

  /// The commit of these offsets ended; when it failed they will be sent again.
  void answered(const std::vector<entry>& sent, bool ok) {
    under_way_ = false;
    for (auto& each : sent) {
      auto it = parts_.find(each.where);
      if (it == parts_.end())
        continue;
      if (!ok)
        it->second.beyond_changed = true;
      else if (each.what.offset > it->second.committed)
        it->second.committed = each.what.offset;
    }
  }

  bool under_way() const { return under_way_; }

  /// The last offset known to be committed, or nothing for a partition that is not followed.
  std::optional<int64_t> committed(const Where& where) const {
    if (auto it = parts_.find(where); it != parts_.end())
      return it->second.committed;
    return std::nullopt;
  }

  /// Whether all that is known of the partition is committed or on its way; true for one that is
  /// not followed.
  bool sent(const Where& where) const {
    auto it = parts_.find(where);
    return it == parts_.end() || !waits(it->second);
  }

private:
  struct part {
    int64_t committed = -1;
    progress target;
    bool beyond_changed = false; ///< since it was sent
  };

  static void move(progress& target, int64_t offset) {
    if (offset <= target.offset)
      return;
    target.offset = offset;
    drop_before(target.beyond, offset);
  }

  static bool waits(const part& state) {
    return state.target.offset > state.committed
           || (state.beyond_changed && state.target.offset >= 0);
  }

  std::map<Where, part> parts_;
  bool under_way_ = false;
};

} // namespace keyloom::core
