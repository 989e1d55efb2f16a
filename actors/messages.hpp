// All messages between keyloom's actors, and their type ids. They never leave the process: most
// carry references to shared memory, so CAF is told not to serialise them.
#pragma once

#include "runtime/core/partition.hpp"
#include "runtime/core/start_point.hpp"
#include "runtime/kafka/consumer.hpp"

#include <keyloom/errc.hpp>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

namespace keyloom::actors {

/// Producer -> partition: what became of outputs. The memory keeps the events alive on the way.
struct delivery_reports {
  std::vector<core::delivery> reports;
  core::work_memory_ptr memory;
};

/// Where a partition that the group gave us begins.
struct partition_start {
  kafka::topic_partition where;
  core::start_point from;
  std::optional<core::topic_id> topic; ///< where the broker tells
};

/// How far a partition has come.
struct partition_reached {
  kafka::topic_partition where;
  core::progress what;
};

/// Poller -> source: the group gave us these partitions.
struct assigned {
  std::vector<partition_start> start;
};

/// Poller -> source: the group takes these partitions away; it waits for our answer unless they are
/// lost.
struct revoked {
  std::vector<kafka::topic_partition> partitions;
  bool lost = false;
};

/// Poller -> source -> partition: a partition cannot be read on, or (without a topic, and no
/// further than the source) the client itself cannot go on. Not a bare caf::error: CAF would end
/// the actor that gets one.
struct intake_failed {
  kafka::topic_partition where;
  caf::error reason;
};

/// Partition -> source: nothing that was begun is unfinished.
struct partition_drained {
  kafka::topic_partition where;
};

/// Partition -> source, the answer to stall_atom: its oldest event that is not out, if there is
/// one.
struct partition_stands {
  std::optional<core::standing_event> oldest;
};

/// Partition -> source: it ended by itself because of an error.
struct partition_stopped {
  kafka::topic_partition where;
  caf::error reason;
  bool source_too = false; ///< by the failure policy
};

/// Partition -> source, the answer to give_up_atom: its last word.
struct partition_given_up {
  partition_reached last;
};

/// Partition -> batcher: its sets must not wait for others any more, or, unless it `drains`, not
/// begin.
struct partition_leaves {
  core::work_memory_ptr memory;
  bool drains = false;
};

/// Worker -> partition: a call whose timeout had passed has returned.
struct call_returned {
  uint32_t stage = 0;
  uint32_t slot = 0;
  uint32_t jobs = 0; ///< of the call
};

/// Memory of an assignment -> source: the last call that worked for it has returned.
struct memory_gone {
  kafka::topic_partition where;
  uint64_t epoch = 0;
};

/// Source -> committer: commit these, then answer with ok.
struct final_commit {
  std::vector<partition_reached> partitions;
};

/// Source -> committer: these partitions were lost: commit nothing for them any more.
struct forget_partitions {
  std::vector<kafka::topic_partition> partitions;
};

/// Source -> committer: commit this partition's progress from now on.
struct commit_for {
  partition_start start;
  std::shared_ptr<core::partition_meter> meter;
  caf::actor partition; ///< answers progress_atom
};

} // namespace keyloom::actors

CAF_BEGIN_TYPE_ID_BLOCK(keyloom_runtime, caf::id_block::keyloom_errors::end)
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::core::record_batch_ptr))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::core::run))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::core::progress))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::delivery_reports))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::assigned))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::revoked))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::intake_failed))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::partition_drained))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::partition_stopped))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::partition_given_up))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::call_returned))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::memory_gone))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::partition_leaves))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::final_commit))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::forget_partitions))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::commit_for))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::kafka::offsets_committed))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::partition_stands))
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, tick_atom)  // own timer
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, retry_atom) // own timer: try again
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, due_atom)   // own timer: commit what is known
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               progress_atom) // committer -> partition: how far have you come?
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, open_atom) // source -> partition: begin
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               drain_atom) // source -> partition: finish what was begun
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, give_up_atom)  // source -> partition: end now
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, deadline_atom) // source's timer for draining
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               woken_atom) // own waker -> key actor: this slot may go on
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, wake_atom) // calls of async functions have ended
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               retire_atom) // partition -> key actor: end when you can
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               limits_atom) // user -> source -> partitions: a stage's limits have changed
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, stall_atom) // source -> partition: what is oldest?
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, stop_atom)  // stop everything
CAF_END_TYPE_ID_BLOCK(keyloom_runtime)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::core::record_batch_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::core::run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::core::progress)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::delivery_reports)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::assigned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::revoked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::intake_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::partition_drained)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::partition_stopped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::partition_given_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::call_returned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::memory_gone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::partition_leaves)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::final_commit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::forget_partitions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::commit_for)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::kafka::offsets_committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::partition_stands)
