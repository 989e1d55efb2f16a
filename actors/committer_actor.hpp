// The committer: commits, every commit.interval, the lowest offset not out of each partition that
// moved, in one call. Partitions publish that offset in their meters, which costs them one store a
// message; the committer reads the meters on its tick. A partition that has something out beyond
// that offset is asked for it, once a tick: that is the completion map in the commit's metadata. A
// commit waits a moment for the answers, not for a partition that is busy: what it said last is
// still true. On revoke and on stop the source actor asks for a final commit and waits for the
// answer.
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "runtime/core/commit_plan.hpp"
#include "runtime/core/repeat_filter.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <map>

namespace keyloom::actors {

struct committer_state {
  static inline const char* name = "keyloom.committer";

  committer_state(caf::event_based_actor* self, services* shared) : self_(self), shared_(shared) {}

  caf::behavior make_behavior();

private:
  using plan_type = core::commit_plan<kafka::topic_partition>;

  struct followed {
    std::shared_ptr<core::partition_meter> meter;
    caf::actor partition;
    std::optional<core::topic_id> topic;
    bool asked = false; ///< for what is beyond its offset, and has not answered
  };

  void follow(const commit_for& news);
  void forget(const std::vector<kafka::topic_partition>& partitions);
  void tick();
  void ask(const kafka::topic_partition& where, followed& of);
  void heard(const kafka::topic_partition& where, const core::partition_meter* of,
             core::progress what);
  void one_answered();
  void send_due();
  void send_next();
  kafka::partition_offset to_offset(const plan_type::entry& from) const;
  bool shrink_metadata();
  void answered(const kafka::offsets_committed& answer);
  caf::result<void> last_commit(const final_commit& asked);
  void settle_final(const caf::error& reason);

  caf::event_based_actor* self_;
  services* shared_;
  plan_type plan_;
  core::repeat_filter problems_;
  std::map<kafka::topic_partition, followed> partitions_;
  size_t unanswered_ = 0; ///< partitions that were asked and have not answered
  bool due_ = false;      ///< a commit waits for their answers
  size_t metadata_limit_
    = core::max_metadata; ///< in bytes; lower once the broker refused that many
  std::vector<plan_type::entry> under_way_;
  std::chrono::steady_clock::time_point sent_at_{}; ///< the commit under way
  std::vector<kafka::topic_partition> final_;       ///< asked for and not confirmed yet
  caf::typed_response_promise<void> final_answer_;
  bool final_sent_ = false; ///< the commit under way holds the final offsets
};

} // namespace keyloom::actors
