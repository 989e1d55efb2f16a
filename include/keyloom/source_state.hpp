// What a source shows of itself while it runs: `event_source::state` has the numbers at once, from
// counters that are kept anyway; `event_source::full_state` also asks each partition what it is
// held up by. Plain values: a copy of what was seen. Counters run from `start`, ages end at the
// moment of the look. Numbers are read one after the other while work goes on, so they may be off
// by what moved meanwhile.
#pragma once

#include <keyloom/processor.hpp>
#include <keyloom/stage_options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keyloom {

/// Where a partition is in its life.
enum class lifecycle : uint8_t { unassigned, restoring, active, draining, stopped };

std::string to_string(lifecycle x);
std::string to_string(processor_kind x);
std::string to_string(stage_mode x);

/// An event that is not out, and what holds it up.
struct event_state {
  int64_t offset = -1;
  std::string interjection = {};       ///< its name, where it is one; then there is no offset
  std::optional<std::string> key = {}; ///< of its job, where it waits for one, or else of its
                                       ///< record; any bytes
  std::string stage = {};              ///< empty: it is in none
  std::string waits_for = {};          ///< e.g. "a call that runs"
  std::chrono::milliseconds age{0};    ///< since its record was taken in, or the interjection began
};

/// "offset 7, key 'a', stage 'look-up', waits for a call that runs".
std::string to_string(const event_state& ev);

/// How far a partition's store is restored from its change log.
struct restore_state {
  uint64_t entries = 0;  ///< that the store has
  uint64_t bytes = 0;    ///< of them, as held in memory
  double seconds = 0;    ///< since the partition was assigned; in the end, until it was done
  int64_t remaining = 0; ///< offsets of the change log, more than entries; -1: not known yet
};

/// Such as "1200 entries, 75 KiB, in 87 ms, up to 300 to come".
std::string to_string(const restore_state& x);

/// One partition.
struct partition_state {
  std::string topic = {};
  int32_t partition = 0;
  keyloom::lifecycle lifecycle = lifecycle::unassigned;
  int64_t position = -1;  ///< next offset to take in
  int64_t committed = -1; ///< last offset committed by this assignment; -1 before the first
  uint64_t in_flight = 0; ///< records taken in and not out
  std::string error = {}; ///< why it stopped
  std::string stall = {}; ///< what its oldest event waits for, once for `stall_warning`; else empty
  /// Offset behind the last record of the topic's partition, as the last answer to a fetch told; it
  /// may be older while the client's queue is full. -1: not known.
  int64_t end = -1;
  int64_t reached = -1;    ///< lowest offset not out; a commit may name it. -1: not known
  int64_t lag = -1;        ///< offsets from `reached` to `end`; -1: not known
  uint64_t held_bytes = 0; ///< of the budget
  std::chrono::milliseconds oldest_age{0}; ///< of the oldest record not out; 0: all are out
  restore_state restore = {};              ///< zero without a change log
  std::optional<uint64_t> store_size = std::nullopt; ///< where the store has it
  /// Where the store has one, and no more than 10,000 entries. A second old, or, while nothing
  /// happens in the partition, of before.
  std::optional<uint64_t> store_digest = std::nullopt;
  bool traced = false; ///< an inspector lets each of its events be logged
  // By `full_state` only:
  std::optional<event_state> oldest = {};       ///< the oldest record not out
  std::optional<event_state> interjection = {}; ///< the one under way for longest
};

/// One stage over all partitions.
struct stage_state {
  std::string name = {};
  uint64_t running = 0;      ///< calls and requests under way; compute stages do not count theirs
  uint64_t waiting = 0;      ///< jobs scheduled and not finalized, without those running
  uint64_t keys = 0;         ///< with jobs; 0 in compute stages, which do not know
  uint64_t timed_out = 0;    ///< calls that failed because they took too long
  uint64_t late_answers = 0; ///< dropped because nobody waited for them any more
  uint64_t retries = 0;      ///< calls made again for jobs that had failed
  uint64_t parked = 0;       ///< jobs that failed and wait for their next call
  // Of a stage with handler actors. A remote one counts connections instead of instances.
  uint64_t actors_made = 0;    ///< instances since start; more than needed means some died
  uint64_t actors_alive = 0;   ///< instances that have not ended
  uint64_t actors_evicted = 0; ///< per-key instances ended to make room for other keys
  processor_kind kind = processor_kind::blocking;
  stage_mode mode = stage_mode::by_key;
  stage_limits limits = {}; ///< the present ones
  bool paused = false;      ///< by an inspector
  std::vector<std::string> paused_keys = {};
};

/// One batcher over all partitions.
struct batcher_state {
  std::string name = {};
  uint64_t running = 0;       ///< batches under way
  uint64_t waiting_items = 0; ///< added, and in no batch yet
  uint64_t sets = 0;          ///< what events have added and was not called back
  uint64_t batches = 0;       ///< executed since start
  uint64_t items = 0;         ///< in them
  uint64_t largest = 0;       ///< items in the largest one
  uint64_t retries = 0;       ///< items executed again after an error
  uint64_t parked = 0;        ///< items that failed and wait to be executed again
  // Of a batcher with handler actors.
  uint64_t actors_made = 0;
  uint64_t actors_alive = 0;
  // As defined (batcher_options).
  uint32_t max_batch_size = 0;
  uint32_t max_concurrent_batches = 0;
  bool paused = false; ///< by an inspector
};

/// A key that has something in flight, by its oldest event.
struct key_state {
  std::string topic = {};
  int32_t partition = 0;
  event_state oldest = {};
  uint64_t jobs = 1; ///< of the key in that stage, or its events that are in none
};

/// The committer.
struct commit_state {
  bool exactly_once = false;
  std::chrono::milliseconds since_last{0}; ///< since the last commit was acknowledged, or `start`
  std::chrono::microseconds took{0};       ///< the last commit, from its sending on
  uint64_t pending = 0;           ///< partitions that have come further than what is committed
  uint64_t open_transactions = 0; ///< sent and not committed; exactly once only
  uint64_t aborts = 0;            ///< times that transactions had to go out again
};

/// The threads for blocking calls; those of all sources that share them.
struct thread_state {
  uint64_t threads = 0; ///< started so far
  uint64_t busy = 0;    ///< blocking calls and executions of batches of this source
};

/// A source.
struct source_state {
  bool running = false;
  bool joined = false; ///< the group has said which partitions are its own, if any
  std::vector<partition_state> partitions = {};
  std::vector<stage_state> stages = {};     ///< in the order they were defined
  std::vector<batcher_state> batchers = {}; ///< the same
  uint64_t records = 0;                     ///< taken in
  uint64_t out = 0;                         ///< out: complete, outputs acknowledged
  uint64_t already_out = 0;   ///< taken in and skipped: out before, as the group's commit said
  uint64_t skipped = 0;       ///< given up by failure_action::skip
  uint64_t dead_lettered = 0; ///< out as dead letters, acknowledged
  uint64_t retries = 0;       ///< calls made again after an error: handlers and processors
  uint64_t parked = 0;        ///< events and jobs that failed and wait for their next call
  uint64_t forwarded = 0;     ///< output records acknowledged
  uint64_t commits = 0;       ///< commits acknowledged
  uint64_t interjections = 0; ///< begun, scheduled ones and others
  uint64_t interjections_failed = 0; ///< of them: a turn failed
  uint64_t interjections_open = 0;   ///< of them: not out
  uint64_t in_flight_max = 0;        ///< most records in flight at once
  uint64_t held_bytes = 0;           ///< of the budget, by all that share it
  uint64_t held_bytes_max = 0;       ///< most held at once
  /// First record taken in and last commit acknowledged, on the steady clock; zero before.
  std::chrono::steady_clock::time_point first_record{};
  std::chrono::steady_clock::time_point last_commit{};
  std::vector<std::string> errors = {}; ///< of stopped partitions and of the source itself

  std::string group = {};
  std::string topic
    = {};              ///< what it reads: the topic, several with commas between them, or a pattern
  uint64_t budget = 0; ///< bytes that may be held
  commit_state commit = {};
  thread_state workers = {};
  /// By `full_state` only: the keys whose oldest events are in flight for longest, that one first.
  std::vector<key_state> keys = {};

  /// The most that `keys` has.
  static constexpr size_t most_keys = 100;
};

} // namespace keyloom
