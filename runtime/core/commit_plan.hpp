// What to commit next, over all partitions of a source. One commit is under way at a time, and each
// carries every partition that moved, so commits of a partition never overtake each other (I1).
// What is committed never goes back within an assignment. One thread: the committer's.
#pragma once

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
    int64_t offset = -1;
  };

  /// Follows a partition that starts at `offset`.
  void add(const Where& where, int64_t offset) { parts_[where] = part{offset, offset}; }

  void remove(const Where& where) { parts_.erase(where); }

  /// The partition's lowest offset not out is now `offset`. One that is lower than before is
  /// ignored.
  void moved(const Where& where, int64_t offset) {
    if (auto it = parts_.find(where); it != parts_.end() && offset > it->second.target)
      it->second.target = offset;
  }

  /// What to send now; empty when nothing moved or a commit is under way. The caller answers with
  /// `answered`.
  std::vector<entry> next() {
    std::vector<entry> result;
    if (under_way_)
      return result;
    for (auto& [where, state] : parts_)
      if (state.target > state.committed)
        result.push_back({where, state.target});
    under_way_ = !result.empty();
    return result;
  }

  /// The commit of these offsets ended; when it failed they will be sent again.
  void answered(const std::vector<entry>& sent, bool ok) {
    under_way_ = false;
    if (!ok)
      return;
    for (auto& each : sent)
      if (auto it = parts_.find(each.where);
          it != parts_.end() && each.offset > it->second.committed)
        it->second.committed = each.offset;
  }

  bool under_way() const { return under_way_; }

  /// The last offset known to be committed, or nothing for a partition that is not followed.
  std::optional<int64_t> committed(const Where& where) const {
    if (auto it = parts_.find(where); it != parts_.end())
      return it->second.committed;
    return std::nullopt;
  }

private:
  struct part {
    int64_t committed = -1;
    int64_t target = -1;
  };

  std::map<Where, part> parts_;
  bool under_way_ = false;
};

} // namespace keyloom::core
