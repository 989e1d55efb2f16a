// Looking into a running process from another one, and acting on it. A process whose sources have
// the setting inspect.port has an actor, the *inspector*, published there and registered as
// `inspector_name`; any CAF program can ask it:
//
//   auto who = keyloom::connect_inspector(system, "127.0.0.1", port);
//   self->request(*who, 5s, keyloom::look_atom_v)
//     .receive([](const keyloom::system_state& seen) { ... }, [](const caf::error& reason) { ...
//     });
//
// Its answers are values; what it cannot do is an error that says why (errc::no_such_part: nothing
// has that name; it lists what there is). A program without keyloom::exec_main calls
// keyloom::init_inspector_messages, and loads caf::io::middleman.
//
// The port is CAF's own and knows no passwords: whoever reaches it can pause stages, and send
// messages to every actor of the process. So it listens on the loopback address, unless
// inspect.address says otherwise.
//
// What travels is plain data, under type ids of its own that never change. `inspector_version`
// changes with what the messages hold; `connect_inspector` compares it first, so that two programs
// of different versions hear of it instead of misreading each other.
#pragma once

#include <keyloom/errc.hpp>
#include <keyloom/source_state.hpp>

#include <caf/fwd.hpp>
#include <caf/result.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

namespace keyloom {

/// The name it is registered under, also for `middleman().remote_lookup`.
inline constexpr auto inspector_name = "keyloom.inspector";

inline constexpr uint32_t inspector_version = 1;

/// A process: all sources that run in its actor system.
struct system_state {
  std::string host = {};
  uint64_t process = 0; ///< the operating system's number of it
  uint64_t actors = 0;  ///< that live in its actor system
  std::vector<source_state> sources = {};
};

/// What to act on. `source` is its group, or "group/topic" where groups are alike; empty: the only
/// one there is.
struct inspector_target {
  std::string source = {};
  std::string stage = {};              ///< or batcher
  std::optional<std::string> key = {}; ///< none: the whole stage
};

/// What to change of a stage's limits; what is not set stays.
struct limit_change {
  std::optional<uint32_t> concurrency = {};
  std::optional<uint32_t> waiting_per_worker = {};
  std::optional<uint32_t> concurrent_keys = {};
};

/// Lines in the process's log for each event of a partition, on or off.
struct trace_order {
  std::string source = {};
  std::string topic = {}; ///< empty: the one that the source reads
  int32_t partition = 0;
  bool on = true;
};

// -- how it travels -------------------------------------------------------------------------------

namespace detail {

/// As a number: the names are for people.
template <class Inspector, class Enum>
bool inspect_number(Inspector& f, Enum& x, Enum last) {
  auto get = [&x] { return static_cast<uint8_t>(x); };
  auto set = [&x, last](uint8_t value) {
    x = static_cast<Enum>(value);
    return x <= last;
  };
  return f.apply(get, set);
}

} // namespace detail

template <class Inspector>
bool inspect(Inspector& f, lifecycle& x) {
  return detail::inspect_number(f, x, lifecycle::stopped);
}

template <class Inspector>
bool inspect(Inspector& f, processor_kind& x) {
  return detail::inspect_number(f, x, processor_kind::batch);
}

template <class Inspector>
bool inspect(Inspector& f, stage_mode& x) {
  return detail::inspect_number(f, x, stage_mode::unordered);
}

template <class Inspector>
bool inspect(Inspector& f, event_state& x) {
  return f.object(x).fields(f.field("offset", x.offset), f.field("interjection", x.interjection),
                            f.field("key", x.key), f.field("stage", x.stage),
                            f.field("waits_for", x.waits_for), f.field("age", x.age));
}

template <class Inspector>
bool inspect(Inspector& f, restore_state& x) {
  return f.object(x).fields(f.field("entries", x.entries), f.field("bytes", x.bytes),
                            f.field("seconds", x.seconds), f.field("remaining", x.remaining));
}

template <class Inspector>
bool inspect(Inspector& f, partition_state& x) {
  return f.object(x).fields(f.field("topic", x.topic), f.field("partition", x.partition),
                            f.field("lifecycle", x.lifecycle), f.field("position", x.position),
                            f.field("committed", x.committed), f.field("in_flight", x.in_flight),
                            f.field("error", x.error), f.field("stall", x.stall),
                            f.field("end", x.end), f.field("reached", x.reached),
                            f.field("lag", x.lag), f.field("held_bytes", x.held_bytes),
                            f.field("oldest_age", x.oldest_age), f.field("restore", x.restore),
                            f.field("store_size", x.store_size),
                            f.field("store_digest", x.store_digest), f.field("traced", x.traced),
                            f.field("oldest", x.oldest), f.field("interjection", x.interjection));
}

template <class Inspector>
bool inspect(Inspector& f, stage_limits& x) {
  return f.object(x).fields(f.field("concurrency", x.concurrency),
                            f.field("waiting_per_worker", x.waiting_per_worker),
                            f.field("concurrent_keys", x.concurrent_keys));
}

template <class Inspector>
bool inspect(Inspector& f, stage_state& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("running", x.running),
                            f.field("waiting", x.waiting), f.field("keys", x.keys),
                            f.field("timed_out", x.timed_out),
                            f.field("late_answers", x.late_answers), f.field("retries", x.retries),
                            f.field("parked", x.parked), f.field("actors_made", x.actors_made),
                            f.field("actors_alive", x.actors_alive),
                            f.field("actors_evicted", x.actors_evicted), f.field("kind", x.kind),
                            f.field("mode", x.mode), f.field("limits", x.limits),
                            f.field("paused", x.paused), f.field("paused_keys", x.paused_keys));
}

template <class Inspector>
bool inspect(Inspector& f, batcher_state& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("running", x.running),
                            f.field("waiting_items", x.waiting_items), f.field("sets", x.sets),
                            f.field("batches", x.batches), f.field("items", x.items),
                            f.field("largest", x.largest), f.field("retries", x.retries),
                            f.field("parked", x.parked), f.field("actors_made", x.actors_made),
                            f.field("actors_alive", x.actors_alive),
                            f.field("max_batch_size", x.max_batch_size),
                            f.field("max_concurrent_batches", x.max_concurrent_batches),
                            f.field("paused", x.paused));
}

template <class Inspector>
bool inspect(Inspector& f, key_state& x) {
  return f.object(x).fields(f.field("topic", x.topic), f.field("partition", x.partition),
                            f.field("oldest", x.oldest), f.field("jobs", x.jobs));
}

template <class Inspector>
bool inspect(Inspector& f, commit_state& x) {
  return f.object(x).fields(f.field("exactly_once", x.exactly_once),
                            f.field("since_last", x.since_last), f.field("took", x.took),
                            f.field("pending", x.pending),
                            f.field("open_transactions", x.open_transactions),
                            f.field("aborts", x.aborts));
}

template <class Inspector>
bool inspect(Inspector& f, thread_state& x) {
  return f.object(x).fields(f.field("threads", x.threads), f.field("busy", x.busy));
}

/// Without the two points in time, which mean nothing elsewhere.
template <class Inspector>
bool inspect(Inspector& f, source_state& x) {
  return f.object(x).fields(
    f.field("running", x.running), f.field("joined", x.joined), f.field("partitions", x.partitions),
    f.field("stages", x.stages), f.field("batchers", x.batchers), f.field("records", x.records),
    f.field("out", x.out), f.field("already_out", x.already_out), f.field("skipped", x.skipped),
    f.field("dead_lettered", x.dead_lettered), f.field("retries", x.retries),
    f.field("parked", x.parked), f.field("forwarded", x.forwarded), f.field("commits", x.commits),
    f.field("interjections", x.interjections),
    f.field("interjections_failed", x.interjections_failed),
    f.field("interjections_open", x.interjections_open), f.field("in_flight_max", x.in_flight_max),
    f.field("held_bytes", x.held_bytes), f.field("held_bytes_max", x.held_bytes_max),
    f.field("errors", x.errors), f.field("group", x.group), f.field("topic", x.topic),
    f.field("budget", x.budget), f.field("commit", x.commit), f.field("workers", x.workers),
    f.field("keys", x.keys));
}

template <class Inspector>
bool inspect(Inspector& f, system_state& x) {
  return f.object(x).fields(f.field("host", x.host), f.field("process", x.process),
                            f.field("actors", x.actors), f.field("sources", x.sources));
}

template <class Inspector>
bool inspect(Inspector& f, inspector_target& x) {
  return f.object(x).fields(f.field("source", x.source), f.field("stage", x.stage),
                            f.field("key", x.key));
}

template <class Inspector>
bool inspect(Inspector& f, limit_change& x) {
  return f.object(x).fields(f.field("concurrency", x.concurrency),
                            f.field("waiting_per_worker", x.waiting_per_worker),
                            f.field("concurrent_keys", x.concurrent_keys));
}

template <class Inspector>
bool inspect(Inspector& f, trace_order& x) {
  return f.object(x).fields(f.field("source", x.source), f.field("topic", x.topic),
                            f.field("partition", x.partition), f.field("on", x.on));
}

} // namespace keyloom

// These numbers are what other processes know the messages by: new ones go to the end.
CAF_BEGIN_TYPE_ID_BLOCK(keyloom_inspector, 1200)
  CAF_ADD_TYPE_ID(keyloom_inspector, (keyloom::system_state))
  CAF_ADD_TYPE_ID(keyloom_inspector, (keyloom::inspector_target))
  CAF_ADD_TYPE_ID(keyloom_inspector, (keyloom::limit_change))
  CAF_ADD_TYPE_ID(keyloom_inspector, (keyloom::stage_limits))
  CAF_ADD_TYPE_ID(keyloom_inspector, (keyloom::trace_order))
  CAF_ADD_ATOM(keyloom_inspector, keyloom, version_atom) // which inspector_version is it?
  CAF_ADD_ATOM(keyloom_inspector, keyloom, look_atom)    // what is going on?
  CAF_ADD_ATOM(keyloom_inspector, keyloom, pause_atom)   // no new calls of this
  CAF_ADD_ATOM(keyloom_inspector, keyloom, resume_atom)  // calls of this again
  CAF_ADD_ATOM(keyloom_inspector, keyloom, limit_atom)   // change limits
  CAF_ADD_ATOM(keyloom_inspector, keyloom, follow_atom)  // trace a partition to the log
CAF_END_TYPE_ID_BLOCK(keyloom_inspector)

namespace keyloom {

/// The inspector. Pausing what is paused, and resuming what is not, is no error. A paused stage or
/// key begins no new calls; what is under way ends, and jobs wait where they are, in order, until
/// it is resumed or the source stops (up to stop.deadline, as for any work). Resuming a stage
/// without a key resumes its keys, too.
using inspector
  = caf::typed_actor<caf::result<uint32_t>(version_atom), caf::result<system_state>(look_atom),
                     caf::result<void>(pause_atom, inspector_target),
                     caf::result<void>(resume_atom, inspector_target),
                     caf::result<stage_limits>(limit_atom, inspector_target, limit_change),
                     caf::result<void>(follow_atom, trace_order)>;

/// Registers the messages, for programs that do not call keyloom::init_global_meta_objects; before
/// a configuration is made.
void init_inspector_messages();

/// The inspector that is published there; waits for the connection. Not from an actor. Errors:
/// errc::no_inspector, with what to do about it.
caf::expected<inspector> connect_inspector(caf::actor_system& system, const std::string& host,
                                           uint16_t port);

} // namespace keyloom
