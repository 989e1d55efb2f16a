// The source actor: supervises partitions and committer and owns the lifecycle of partitions. It
// makes a partition actor for each partition that the group assigns, and takes partitions down when
// they are revoked or the source stops: drain to a deadline, give up, commit what is out, and only
// then let the group go on (I6).
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "actors/source_board.hpp"
#include "actors/stall_reporter.hpp"
#include "actors/state_round.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <deque>
#include <map>
#include <optional>
#include <set>

namespace keyloom::actors {

struct source_actor_state {
  static inline const char* name = "keyloom.source";

  source_actor_state(caf::event_based_actor* self, services* shared, source_board* board,
                     caf::actor committer);

  caf::behavior make_behavior();

private:
  struct assignment {
    caf::actor partition;
    std::shared_ptr<core::partition_meter> meter;
    uint64_t epoch = 0;
    bool restored = true; ///< its store is, or needs not be
    bool opened = false;
    bool stopped = false;
    bool dead = false; ///< its actor ended by itself
  };

  /// Partitions on their way out. One hand-over at a time: the group waits for its answer, and so
  /// does a stop.
  struct hand_over {
    std::vector<kafka::topic_partition> partitions;
    std::vector<kafka::topic_partition> to_answer; ///< what the group asked for
    bool lost = false;
    bool stopping = false;
    std::set<kafka::topic_partition> undrained;
    std::set<kafka::topic_partition> lost_meanwhile; ///< nothing of them is committed any more
    size_t answers_missing = 0;
    final_commit commit;
    std::chrono::steady_clock::time_point began;
    std::chrono::steady_clock::time_point drained;
    uint64_t number = 0;
  };

  void on_assigned(const assigned& news);
  void on_gap(const partition_start& start);
  void open_if_quiet(const kafka::topic_partition& where);
  void on_memory_gone(const memory_gone& news);
  void on_restored(const partition_restored& news);
  void on_stopped(const partition_stopped& news);
  void on_died(const caf::down_msg& down);
  void on_intake_failed(const intake_failed& news);
  void on_revoked(const revoked& news);
  void lose_meanwhile(const revoked& news);
  void on_interjection(const ask_interjection& ask);
  void on_interjections(const ask_interjections& ask);
  state_round::partitions living() const;
  caf::result<void> on_stop();
  void begin_stop();
  void begin(hand_over next, std::chrono::milliseconds deadline);
  void end_if_all_stopped();
  void begin_next();
  void on_drained(const kafka::topic_partition& where);
  void collect();
  void note_unfinished(const std::string& what);
  void collected(uint64_t number, partition_given_up&& last);
  void commit();
  void finish();
  void fail_source(const std::string& reason);

  caf::event_based_actor* self_;
  services* shared_;
  source_board* board_;
  caf::actor committer_;
  stall_reporter stalls_;
  state_round states_;
  std::map<kafka::topic_partition, assignment> partitions_;
  std::map<kafka::topic_partition, std::set<uint64_t>>
    living_; ///< epochs whose memory is still in use
  std::optional<hand_over> hand_over_;
  std::deque<revoked> revoked_; ///< came during a hand-over
  uint64_t hand_overs_ = 0;
  uint64_t epochs_ = 0;
  bool stop_asked_ = false;
  caf::typed_response_promise<void> stop_answer_;
};

} // namespace keyloom::actors
