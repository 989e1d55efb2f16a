// The poller: one thread that owns the consumer. It drains the partitions' queues that have credit,
// in batches, and sends each batch to its partition actor; it answers the group's rebalances as the
// source actor decides. Back-pressure is not draining: a partition without credit, or not open yet,
// is passed over and its records stay with the client, while the thread goes on polling, so that
// the member stays in its group.
//
// `wake` and the requests (assign, unassign, close) may come from any thread; they are carried out
// on the poller's.
#pragma once

#include "actors/services.hpp"
#include "actors/topic_guard.hpp"
#include "runtime/core/meters.hpp"
#include "runtime/core/repeat_filter.hpp"
#include "runtime/kafka/consumer.hpp"

#include <caf/actor.hpp>

#include <condition_variable>
#include <map>
#include <thread>

namespace keyloom::actors {

class poller {
public:
  /// Where an assigned partition's records go.
  struct target {
    kafka::partition_offset start;
    caf::actor partition;
    std::shared_ptr<core::partition_meter> meter;
    std::optional<core::topic_id> topic = {}; ///< where the broker tells
  };

  explicit poller(services& shared) : shared_(shared) {}
  /// `finish` must have returned, or `start` never been called.
  ~poller();

  /// Connects to the group. The topic is known to exist. Errors: bad_config, kafka_failed.
  caf::error start(caf::actor source, caf::actor committer);

  /// Something may have changed: look again. Any thread.
  void wake();

  /// Answers an assignment. Any thread.
  void assign(std::vector<target> targets);

  /// Answers a revocation. Any thread.
  void unassign(std::vector<kafka::topic_partition> partitions);

  /// Exactly once: tells the committer who we are in the group, once all that the group has told is
  /// answered. Also done after each assignment. Any thread.
  void ask_membership();

  /// Leaves the group and ends the thread; waits for both. Not from an actor.
  void finish();

  /// Any thread, between start and finish.
  kafka::consumer& consumer() { return *consumer_; }

private:
  void loop();
  void carry_out_requests();
  bool serve_events();
  void tell_membership();
  void warn(const std::string& problem);
  void on_assigned(kafka::partitions_assigned&& news);
  void on_revoked(kafka::partitions_revoked&& news);
  void note_ends();
  void note_wait(std::chrono::steady_clock::time_point now);
  bool take_records();
  bool take_records(target& from);
  void on_failed(kafka::partition_failed&& news);
  void fail(kafka::topic_partition where, caf::error reason);

  services& shared_;
  caf::actor source_;
  caf::actor committer_;
  std::unique_ptr<kafka::consumer> consumer_;
  std::unique_ptr<topic_guard> topics_;                // the poller's thread
  std::map<kafka::topic_partition, target> targets_;   // the same
  core::repeat_filter problems_;                       // the same
  std::chrono::steady_clock::time_point next_ends_{};  // the same
  std::chrono::steady_clock::time_point wait_noted_{}; // the same
  size_t unanswered_ = 0;                              // the same: rebalances that the source has
  bool membership_due_ = false;                        // the same
  uint64_t membership_epoch_ = 0;                      // the same
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false; // guarded by mutex_, as all below
  std::vector<std::function<void()>> requests_;
  bool closing_ = false;
};

} // namespace keyloom::actors
