// All messages between keyloom's actors, and their type ids. They never leave the process: most
// carry references to shared memory, so CAF is told not to serialise them.
#pragma once

#include "actors/state_request.hpp"
#include "runtime/core/partition.hpp"
#include "runtime/core/start_point.hpp"
#include "runtime/kafka/consumer.hpp"
#include "runtime/kafka/transaction_chain.hpp"
#include "runtime/work/interjection_round.hpp"

#include <keyloom/errc.hpp>
#include <keyloom/inspector.hpp>

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

/// User -> source -> partition: run this. A message that nobody takes any more answers by itself.
struct ask_interjection {
  detail::asked_interjection_ptr what;
};

/// User -> source: what is going on? A message that nobody takes any more answers by itself.
struct ask_state {
  std::shared_ptr<state_request> what;
};

/// User -> source: run this in every partition.
struct ask_interjections {
  std::shared_ptr<work::interjection_round> what;
};

/// Partition -> source: nothing that was begun is unfinished.
struct partition_drained {
  kafka::topic_partition where;
};

/// Partition -> source, the answer to stall_atom: its oldest event that is not out, if there is
/// one.
struct partition_stands {
  std::optional<event_state> oldest;
  std::optional<event_state> interjection; ///< the one under way for longest
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

/// Restorer -> partition: entries of its change log.
struct restored_entries {
  core::record_batch_ptr batch;
};

/// Restorer -> partition -> source: all entries came, and are in the store.
struct partition_restored {
  kafka::topic_partition where;
  int64_t position = -1; ///< the change log's next offset
  uint64_t epoch = 0;    ///< of the assignment
};

/// Partition -> committer: what leaves the output gate in one go. The content keeps what the
/// records are views into.
struct transaction_cut {
  uint64_t number = 0; ///< as the gate counts; 0: nothing
  core::progress reached;
  std::vector<const core::packed_output*> packed; ///< as kafka::transaction_part has these
  std::vector<kafka::record_view> records;
  std::shared_ptr<const void> content;
  size_t events = 0;
  int64_t log_end = -1; ///< the change log ends here or later
};

/// Committer -> partition: its transaction is in.
struct transaction_committed {
  uint64_t number;
};

/// Committer -> partition: the producer refused a record of its transactions; none of them that is
/// not committed will be.
struct transaction_refused {
  caf::error reason;
};

/// Poller -> committer: who we are in the group now; every rebalance that the client told before
/// was answered.
struct group_membership {
  kafka::group_metadata group;
};

// Transaction chain -> committer.
struct chain_acknowledged {
  kafka::transaction_chain::number which;
};
struct chain_committed {
  kafka::transaction_chain::number which;
};
struct chain_aborted {
  kafka::transaction_chain::aborted_transactions what;
};

struct chain_failed {
  caf::error reason;
};

/// Aborter -> committer: nothing is open any more.
struct chain_quiet {
  caf::error problem;
};

// Source -> inspector, from the user's threads (inspector_link): it can be asked, from now on, or
// until the answer.
class inspected;

struct inspector_join {
  inspected* who = nullptr;
};

struct inspector_leave {
  inspected* who = nullptr;
};

/// A port that the inspector is published at.
struct inspector_port {
  std::string address = {};
  uint16_t asked = 0; ///< 0: any that is free
  uint16_t port = 0;
  bool publish = false; ///< who gets this has to
};

struct inspector_left {
  bool last = false; ///< it takes no more sources, and is to be ended
  std::vector<inspector_port> ports = {};
};

/// Source -> inspector: it wants to be asked there, too.
struct inspector_claim {
  std::string address = {};
  uint16_t port = 0;
};

/// Sources -> inspector: all of them have answered.
struct look_round;
struct looked_at_all {
  std::shared_ptr<look_round> round;
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
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::ask_interjection))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::ask_interjections))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::ask_state))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::core::partition_view))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::inspector_join))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::inspector_leave))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::inspector_left))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::inspector_claim))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::inspector_port))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::looked_at_all))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::restored_entries))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::partition_restored))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::transaction_cut))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::transaction_committed))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::transaction_refused))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::group_membership))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::chain_acknowledged))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::chain_committed))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::chain_aborted))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::chain_failed))
  CAF_ADD_TYPE_ID(keyloom_runtime, (keyloom::actors::chain_quiet))
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               restore_atom) // source -> partition: make the store, its entries come
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               cut_atom) // committer -> partition: what may leave?
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               chain_over_atom) // committer -> partition: no transaction commits any more
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, tick_atom) // own timer
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               interject_atom) // partition's own timer: an interjection is due
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
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors,
               view_atom) // source -> partition: what is going on?
  CAF_ADD_ATOM(keyloom_runtime, keyloom::actors, stop_atom) // stop everything
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
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::ask_interjection)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::ask_interjections)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::ask_state)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::core::partition_view)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::inspector_join)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::inspector_leave)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::inspector_left)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::inspector_claim)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::inspector_port)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::looked_at_all)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::restored_entries)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::partition_restored)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::transaction_cut)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::transaction_committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::transaction_refused)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::group_membership)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::chain_acknowledged)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::chain_committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::chain_aborted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::chain_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::actors::chain_quiet)
