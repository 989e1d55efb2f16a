// The settings of an event source. What is set in code is a default: the same setting in the
// configuration file or on the command line (--keyloom.group, --keyloom.commit.interval, ...) wins,
// so that a program can be deployed elsewhere without a change.
#pragma once

#include <keyloom/failure_policy.hpp>
#include <keyloom/record.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace keyloom {

/// When the outputs of a complete event are handed to the producer.
enum class output_order : uint8_t {
  by_key,   ///< no earlier than those of the events of its record key before it
  by_event, ///< no earlier than those of any event before it in the partition
  none,     ///< as events complete
};

/// When the handler of a key's next event runs.
enum class key_turns : uint8_t {
  automatic,   ///< serial with a store, interleaved without one
  interleaved, ///< at once, while jobs of the key's earlier events are pending
  serial,      ///< when the key's earlier events are complete
};

/// What becomes of a partition where records may be missing: its committed offset is outside of
/// what the topic holds (retention, a log cut off), belongs to a topic of this name that was
/// deleted, or is gone while the group has others.
enum class gap_action : uint8_t {
  stop_partition, ///< it stops with an error that says what is missing; others go on
  go_on,          ///< a warning, and on at the earliest record the topic holds
};

struct source_config {
  /// Consumer group. Required.
  std::string group;

  /// Topic to read; must exist. Exactly one of `topic`, `topics` and `pattern` is required.
  std::string topic;

  /// Several topics to read; all must exist. Not with a store.
  std::vector<std::string> topics = {};

  /// All topics whose names match this regular expression, which begins with ^; also those created
  /// later, which the client finds at its next look (topic.metadata.refresh.interval.ms). Not with
  /// a store.
  std::string pattern = {};

  /// Bootstrap brokers, HOST:PORT[,...].
  std::string brokers = "127.0.0.1:9092";

  keyloom::output_order output_order = keyloom::output_order::by_key;
  keyloom::key_turns key_turns = keyloom::key_turns::automatic;

  /// How handlers and processors that failed are tried again, where a stage has no policy of its
  /// own; then `on_error` decides.
  retry_policy retry = {};
  failure_action on_error = failure_action::stop_partition;

  /// The same for records that no handler can take: they fail to decode, or have no handler. They
  /// are not tried again. Not set: `on_error`.
  std::optional<failure_action> on_unreadable = std::nullopt;

  /// Where failure_action::dead_letter sends records; must exist. Each has the key, value, headers
  /// and timestamp it came with, and headers that say where it was and why it failed
  /// (docs/guide.md has them; `keyloom redrive` sends records back).
  std::string dead_letter_topic = {};

  gap_action on_gap = gap_action::stop_partition;

  /// With interleaved turns, the handlers of a key wait until all its held events are released once
  /// this many are held, or this time has passed since the first was: a hot key cannot hold itself
  /// forever.
  uint32_t chain_limit = 1000;
  std::chrono::milliseconds chain_time{1000};

  /// How often offsets are committed.
  std::chrono::milliseconds commit_interval{100};

  /// Outputs, offsets and completion maps leave in transactions: after any crash each record is in
  /// the outputs once, for those who read committed records only. Needs a real broker. Calls to the
  /// outside may happen again.
  bool exactly_once = false;

  /// With a store: the topic that its changes are written to, and that it is restored from when a
  /// partition is assigned. Compacted, with as many partitions as `topic`; created when absent.
  /// Without it a store begins empty. With exactly_once a store needs it; without, what a crash
  /// leaves in it may be counted twice, and a process that was thought dead may still write to it.
  std::string change_log = {};

  /// Each entry of a transaction goes to the change log, for those who read it as a history;
  /// otherwise the last one of each key.
  bool full_change_log = false;

  /// With exactly_once: what sets this process apart from all others that run the same source at
  /// the same time, and stays the same when it is started again: it is in the transactional ids, so
  /// that a process can end what its predecessor left open. Empty: the host's name, and the lowest
  /// number that is free on it.
  std::string instance = {};

  /// With exactly_once: how long the broker lets a transaction stay open. Transactions take
  /// milliseconds, whatever a job takes.
  std::chrono::milliseconds transaction_timeout{10'000};

  /// Records of one partition that may be taken in and not out; without credit its queue is not
  /// drained, and the records stay with the client. Not set: 10,000; with exactly_once 18,000, as
  /// records are in flight until their transaction is committed.
  std::optional<uint32_t> credit = std::nullopt;

  /// Records of one partition beyond its oldest one that is not out; intake waits at the limit.
  uint32_t window = 1'000'000;

  /// Records come without headers, which saves about 100 ns each; not with routes by type.
  bool skip_headers = false;

  /// Bytes that may be held for records that are queued or worked on and for outputs that wait for
  /// their release or acknowledgement, shared evenly by the assigned partitions. It stops intake
  /// only; a record larger than a partition's share passes alone. The client's queues, sized from
  /// it, hold at most half as much again.
  uint64_t budget = 256 << 20;

  /// How long a revoked partition may finish what it began before it is given up.
  std::chrono::milliseconds drain_deadline{1000};

  /// How long `stop` waits for work in progress before it commits what is out and leaves.
  std::chrono::milliseconds stop_deadline{30000};

  /// A partition whose oldest event has not moved for so long says so in the log, with what the
  /// event waits for, and again each time it has stood twice as long.
  std::chrono::milliseconds stall_warning{30000};

  /// Where `start` lets an HTTP server listen that shows the source while it runs: /, /metrics,
  /// /livez, /readyz (docs/guide.md). 0: none. Sources that share resources may share a port.
  uint32_t http_port = 0;

  /// The address it listens on. Whoever reaches another one than this machine's own sees keys and
  /// errors: there is no password.
  std::string http_address = "127.0.0.1";

  /// Numbers about the source are kept in CAF's metrics registry, which CAF's own Prometheus port
  /// and /metrics serve.
  bool metrics = true;
  /// Where the process can be looked into while it runs (inspector.hpp): a TCP port, 0: any that is
  /// free, which the log tells. Not set: nowhere.
  std::optional<uint16_t> inspect_port = std::nullopt;

  /// The address it listens on. Whoever reaches that port can act on the process.
  std::string inspect_address = "127.0.0.1";

  /// How long `start` waits for a broker to answer.
  std::chrono::milliseconds connect_timeout{30000};

  /// librdkafka properties of consumer and producer, passed through, e.g. {"security.protocol",
  /// "SSL"}.
  std::map<std::string, std::string> kafka = {};
};

} // namespace keyloom
