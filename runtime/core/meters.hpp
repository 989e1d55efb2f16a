// Numbers that one thread writes and others read: what the poller needs to know of a partition, and
// what `event_source::state` shows. Written once a message, not once a record.
#pragma once

#include "runtime/core/byte_budget.hpp"
#include "runtime/core/distribution.hpp"

#include <keyloom/source_state.hpp>

#include <algorithm>
#include <atomic>

namespace keyloom::core {

/// Of one stage, over all partitions. Intake looks at jobs and keys; `event_source::state` shows
/// all.
struct stage_meter {
  std::atomic<int64_t> jobs{0};          ///< scheduled and not finalized
  std::atomic<int64_t> keys{0};          ///< with such jobs
  std::atomic<int64_t> partitions{0};    ///< that share the stage's limits
  std::atomic<int64_t> running{0};       ///< of jobs: being worked on
  std::atomic<uint64_t> timed_out{0};    ///< jobs that failed because their call took too long
  std::atomic<uint64_t> late_answers{0}; ///< dropped because nobody waited for them any more
  std::atomic<uint64_t> retries{0};      ///< calls made again
  std::atomic<int64_t> parked{0};        ///< of jobs: failed, and waiting for their next call
  std::atomic<uint64_t> calls{0};        ///< that have ended; of by-run stages, the jobs in them
  /// How long calls took; of compute stages, on average, those that were made together.
  distribution took{time_bounds};
  std::atomic<bool> timed{false}; ///< whether `took` and `calls` are kept
  // of handler actors
  std::atomic<uint64_t> actors_made{0};
  std::atomic<int64_t> actors_alive{0};
  std::atomic<uint64_t> actors_evicted{0};

  /// Calls have ended that were made together.
  void note_calls(uint64_t count, std::chrono::steady_clock::duration took_each) {
    if (!timed.load(std::memory_order_relaxed))
      return;
    calls.fetch_add(count, std::memory_order_relaxed);
    took.record(took_each);
  }
};

/// Of one batcher, over all partitions, beside what it has as a stage.
struct batcher_meter {
  std::atomic<uint64_t> running{0};       ///< batches
  std::atomic<uint64_t> waiting_items{0}; ///< in no batch
  std::atomic<uint64_t> batches{0};       ///< executed
  std::atomic<uint64_t> items{0};         ///< in them
  std::atomic<uint64_t> retries{0};       ///< items executed again
  std::atomic<uint64_t> parked{0};        ///< items that wait for that
  std::atomic<uint64_t> largest{0};
  distribution sizes{size_bounds}; ///< items of batches
  distribution took{time_bounds};  ///< from leaving to being executed
};

/// Of one source.
struct source_meter {
  std::atomic<uint64_t> records{0};
  std::atomic<uint64_t> out{0};
  std::atomic<uint64_t> already_out{0}; ///< out before, as an inherited completion map said
  std::atomic<uint64_t> skipped{0};
  std::atomic<uint64_t> dead_lettered{0};
  std::atomic<uint64_t> retries{0}; ///< of handlers
  std::atomic<int64_t> parked{0};   ///< events whose handlers are to be called again
  std::atomic<uint64_t> forwarded{0};
  std::atomic<uint64_t> interjections{0};        ///< begun
  std::atomic<uint64_t> interjections_failed{0}; ///< of them
  std::atomic<int64_t> interjections_open{0};    ///< of them: not out
  std::atomic<uint64_t> commits{0};
  std::atomic<uint64_t> bytes_in{0};            ///< keys, values, headers
  std::atomic<uint64_t> bytes_out{0};           ///< the same of outputs that are out
  std::atomic<uint64_t> partitions_assigned{0}; ///< by the group, so far
  std::atomic<uint64_t> partitions_revoked{0};
  std::atomic<uint64_t> partitions_lost{0};
  std::atomic<bool> joined{false}; ///< the group has said what is ours
  std::atomic<int64_t> in_flight{0};
  std::atomic<int64_t> in_flight_max{0};
  std::atomic<std::chrono::steady_clock::rep> started{0};
  std::atomic<std::chrono::steady_clock::rep> first_record{0};
  std::atomic<std::chrono::steady_clock::rep> last_commit{0};
  std::atomic<std::chrono::steady_clock::rep> commit_took{0}; ///< the last one, on that clock
  std::atomic<uint64_t> open_transactions{0};
  std::atomic<uint64_t> aborts{0}; ///< times that transactions had to go out again
  distribution commit_times{time_bounds};

  /// A commit was confirmed, so long after it was sent.
  void note_commit(std::chrono::steady_clock::duration took) {
    commits.fetch_add(1, std::memory_order_relaxed);
    commit_took = took.count();
    commit_times.record(took);
    last_commit = std::chrono::steady_clock::now().time_since_epoch().count();
  }
};

/// Of one assignment of a partition. The poller takes records in while `open`, `in_flight` is below
/// the credit, `window` below its limit, and the account has room.
struct partition_meter {
  /// Set before anybody else knows the meter. Null: no limit (tests).
  std::shared_ptr<byte_budget::account> account;
  std::atomic<bool> open{false};
  std::atomic<bool> traced{false};   ///< somebody wants to hear of each event
  std::atomic<bool> heard{false};    ///< the broker has told something of it: a record, or its end
  std::atomic<bool> starved{false};  ///< the poller waits for credit: wake it when some comes back
  std::atomic<int64_t> in_flight{0}; ///< taken in by the poller and not out
  std::atomic<int64_t> window{0};    ///< from the oldest event not out to the newest
  std::atomic<int64_t> position{-1};
  std::atomic<int64_t> end{-1}; ///< of the topic's partition, as the client last heard
  /// On the steady clock, when the oldest record not out was taken in; 0: all are out.
  std::atomic<std::chrono::steady_clock::rep> oldest_since{0};
  std::atomic<int64_t> committable{
    -1}; ///< the lowest offset not out; the committer reads it on its tick
  std::atomic<bool> beyond{
    false}; ///< something is out beyond `committable`: a map is worth asking for
  std::atomic<int64_t> committed{-1};
  std::atomic<int64_t> began{-1}; ///< where the assignment began; -1: at the earliest record
  /// Batches of the change log that are on their way to the store, and what it has of them.
  std::atomic<int> restoring_batches{0};
  std::atomic<int64_t> restore_end{-1}; ///< offset of the change log; -1: not known yet
  std::atomic<int64_t> restored_up_to{0};
  std::atomic<uint64_t> restored_entries{0};
  std::atomic<uint64_t> restored_bytes{0};
  /// On the steady clock; 0: not yet.
  std::atomic<std::chrono::steady_clock::rep> restore_began{0};
  std::atomic<std::chrono::steady_clock::rep> restore_ended{0};
  std::atomic<int64_t> store_size{-1}; ///< -1: the store does not say
  std::atomic<uint64_t> store_digest{0};
  std::atomic<bool> has_store_digest{false};
  std::atomic<bool> sendable{false}; ///< under exactly once: something waits for a transaction
  /// On the steady clock, when the interjection began that is under way for longest; 0: none is.
  std::atomic<std::chrono::steady_clock::rep> interjecting_since{0};
  std::atomic<lifecycle> state{lifecycle::unassigned};

  /// Records the poller hands on at once. It waits until there is credit for that many, because a
  /// batch a record would cost a message a record.
  static int64_t intake_size(uint32_t credit) { return std::clamp<int64_t>(credit / 4, 1, 500); }

  /// True when the poller may hand on `intake_size` records.
  bool has_room(uint32_t credit, uint32_t window_limit) const {
    return in_flight + intake_size(credit) <= credit && window < window_limit
           && (account == nullptr || account->has_room());
  }

  /// What there is to show of its store.
  void show_store(partition_state& in, std::chrono::steady_clock::time_point now) const {
    in.restore = how_far_restored(now);
    if (store_size >= 0)
      in.store_size = static_cast<uint64_t>(store_size);
    if (has_store_digest)
      in.store_digest = store_digest;
  }

  restore_state how_far_restored(std::chrono::steady_clock::time_point now) const {
    using clock = std::chrono::steady_clock;
    if (restore_began == 0)
      return {};
    auto ended = clock::time_point{clock::duration{restore_ended}};
    auto until = restore_ended == 0 ? now : ended;
    auto took = until - clock::time_point{clock::duration{restore_began}};
    return {restored_entries, restored_bytes, std::chrono::duration<double>(took).count(),
            restore_ended != 0 ? 0
            : restore_end < 0  ? -1
                               : std::max<int64_t>(restore_end - restored_up_to, 0)};
  }
};

} // namespace keyloom::core
