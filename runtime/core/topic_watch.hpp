// Notices that a topic was deleted and created anew while its partitions are read. The client does
// not: it goes on in the new topic at the position it had in the old one, where that exists, and
// passes over what is before it in silence; where it does not exist, the client takes it for an
// offset that retention has overtaken. The topic's id tells, so the cluster is asked for it every
// now and then, and at once when a partition cannot be read on, before that is believed.
//
// What is asked now may be answered after a partition has come anew, so an answer counts only for
// partitions that are followed since before the question. One thread: the poller's. A partition
// whose topic has no id (brokers before 2.8) is not followed.
#pragma once

#include "runtime/core/order_gate.hpp"
#include "runtime/core/topic_id.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace keyloom::core {

/// `Where` has a member `topic`, its name.
template <class Where>
class topic_watch {
public:
  struct findings {
    std::vector<Where> recreated; ///< of another topic than they were; not followed any more
    std::vector<Where> as_before; ///< suspects that are not: what failed there is what it seemed
  };

  explicit topic_watch(std::chrono::milliseconds interval) : interval_(interval) {}

  /// Follows a partition from the beginning of its assignment on.
  void add(const Where& where, const std::optional<topic_id>& topic) {
    parts_.erase(where);
    if (topic)
      parts_[where] = {*topic};
  }

  void remove(const Where& where) { parts_.erase(where); }

  /// A partition cannot be read on; the next answer may tell why. False when it is not followed.
  bool suspect(const Where& where) {
    auto it = parts_.find(where);
    if (it == parts_.end())
      return false;
    it->second.suspected = true;
    it->second.asked = false; // the question that is under way may be older than the failure
    urgent_ = true;
    return true;
  }

  /// The topics to ask the cluster for now; none while there is no need, or a question is under
  /// way. The caller answers with `answered`.
  std::vector<std::string> due(steady_time now) {
    std::vector<std::string> result;
    if (asking_ || parts_.empty() || (!urgent_ && now < next_))
      return result;
    for (auto& [where, each] : parts_) {
      each.asked = true;
      if (result.empty() || result.back() != where.topic) // they are in order
        result.push_back(where.topic);
    }
    asking_ = true;
    urgent_ = false;
    next_ = now + interval_;
    return result;
  }

  /// The answer: the ids of topics. One that is gone, or that the cluster did not tell in time, is
  /// not among them.
  findings answered(const std::map<std::string, topic_id>& ids) {
    findings result;
    asking_ = false;
    for (auto& [where, each] : parts_) {
      if (!std::exchange(each.asked, false))
        continue;
      auto it = ids.find(where.topic);
      if (it != ids.end() && it->second != each.topic)
        result.recreated.push_back(where);
      else if (std::exchange(each.suspected, false))
        result.as_before.push_back(where);
    }
    for (auto& where : result.recreated)
      parts_.erase(where);
    return result;
  }

private:
  struct part {
    topic_id topic;
    bool asked = false;     ///< by the question under way
    bool suspected = false; ///< it failed, and an answer will tell why
  };

  std::chrono::milliseconds interval_;
  std::map<Where, part> parts_;
  steady_time next_{};
  bool asking_ = false;
  bool urgent_ = false;
};

} // namespace keyloom::core
