// The settings of an event source, one line each. A setting is added here and in source_config, and
// in docs/configuration.md by
//   KEYLOOM_WRITE_DOCS=1 build/dev/tests/unit_tests "docs/configuration.md*"
#include "actors/setting.hpp"
#include "runtime/log/logger.hpp"

#include <array>
#include <limits>

namespace keyloom::actors {

namespace {

using namespace std::chrono_literals;

using cfg = source_config;
using names3 = std::array<std::string_view, 3>;

constexpr uint32_t any = std::numeric_limits<uint32_t>::max();
constexpr auto day = std::chrono::milliseconds{24h};
constexpr auto hour = std::chrono::milliseconds{1h};

// In the order of their enumerators.
constexpr names3 orders{"by_key", "by_event", "none"};
constexpr names3 turns{"automatic", "interleaved", "serial"};
constexpr std::array<std::string_view, 4> actions{"stop", "stop_source", "skip", "dead_letter"};
constexpr std::array<std::string_view, 5> unreadable_actions{"as_on_error", "stop", "stop_source",
                                                             "skip", "dead_letter"};
constexpr std::array<std::string_view, 2> gap_actions{"stop", "continue"};
constexpr std::array<std::string_view, 5> levels{"debug", "info", "warning", "error", "off"};
constexpr std::array<std::string_view, 2> formats{"text", "json"};

// clang-format off
constexpr setting table[] = {
  {"brokers", text_kind{&cfg::brokers, "HOST:PORT[,...]"}, "Where the Kafka cluster is: bootstrap brokers.", 'b'},
  {"group", text_kind{&cfg::group, "the consumer group's name"}, "The consumer group, whose offsets say what is done.", 'g'},
  {"topic", text_kind{&cfg::topic}, "The topic to read; it must exist. Exactly one of topic, topics and pattern is set.", 't'},
  {"topics", list_kind{&cfg::topics}, "Several topics to read; all must exist. Not with a store."},
  {"pattern", text_kind{&cfg::pattern}, "All topics whose names match this regular expression, which begins with ^; also those created later. Not with a store."},
  {"output-order", choice<&cfg::output_order, orders>(), "What the outputs of a complete event wait for: earlier events of its key, all earlier events of its partition, or nothing."},
  {"key-turns", choice<&cfg::key_turns, turns>(), "When the handler of a key's next event runs: once its earlier events are complete (serial) or at once (interleaved); automatic is serial with a store."},
  {"chain.limit", count_kind{&cfg::chain_limit, "events", 1, any}, "With interleaved turns: so many held events of a key let its next handlers wait until all are released."},
  {"chain.time", duration_kind{&cfg::chain_time, 1ms, hour}, "The same once this time has passed since the first was held."},
  {"on-error", choice<&cfg::on_error, actions>(), "What becomes of an event that failed for good: its partition stops, the whole source stops, it is skipped, or its record goes to the dead-letter topic."},
  {"on-unreadable", optional_choice<&cfg::on_unreadable, unreadable_actions>(), "The same for records that no handler can take, because they fail to decode or have no handler; they are not tried again."},
  {"dead-letter-topic", text_kind{&cfg::dead_letter_topic}, "Where dead_letter sends records; must exist."},
  {"retry.times", count_kind{&retry_policy::times, "calls", 0, any}, "How often a handler or processor that failed is called again, in stages without a policy of their own; 0: as often as fits into retry.total, or never."},
  {"retry.total", duration_kind{&retry_policy::total, 0ms, day}, "No call begins later than this after the first one failed; 0: no limit."},
  {"retry.backoff", duration_kind{&retry_policy::backoff, 0ms, hour}, "The wait before the first further call."},
  {"retry.factor", count_kind{&retry_policy::factor, "times", 1, 1000}, "Each later wait is so many times as long as the one before."},
  {"retry.max-backoff", duration_kind{&retry_policy::max_backoff, 0ms, day}, "The longest wait between two calls."},
  {"retry.jitter", count_kind{&retry_policy::jitter, "percent", 0, 100}, "Each wait is shortened by up to so much, at random."},
  {"on-gap", choice<&cfg::on_gap, gap_actions>(), "What becomes of a partition where records may be missing, because its committed offset is outside of what the topic holds, of a topic that was deleted, or gone: it stops, or goes on at the earliest record."},
  {"credit", count_kind{&cfg::credit, "records", 1, 10'000'000}, "Records of one partition that may be taken in and not out; the others stay with the client. By default 10,000, with exactly-once 18,000."},
  {"window", count_kind{&cfg::window, "records", 1, any}, "Records of one partition beyond its oldest one that is not out; intake waits at the limit."},
  {"skip-headers", flag_kind{&cfg::skip_headers}, "Records come without headers, which saves about 100 ns each; not with routes by type."},
  {"budget", bytes_kind{&cfg::budget, 64 << 10, 1ULL << 40}, "Bytes that may be held for records in work and outputs under way, evenly shared by the partitions; it stops intake only."},
  {"commit.interval", duration_kind{&cfg::commit_interval, 1ms, hour}, "Time between commits of offsets."},
  {"exactly-once", flag_kind{&cfg::exactly_once}, "Outputs, offsets and completion maps leave in transactions; needs a real broker."},
  {"change-log", text_kind{&cfg::change_log}, "With a store: the compacted topic that its changes go to and that it is restored from; created when absent."},
  {"full-change-log", flag_kind{&cfg::full_change_log}, "Each change goes to the change log, not the last one of a key in a transaction."},
  {"instance", text_kind{&cfg::instance}, "With exactly-once: sets this process apart from others that run the same source, and is the same after a restart; by default the host's name and the lowest free number there."},
  {"transaction.timeout", duration_kind{&cfg::transaction_timeout, 1s, hour}, "With exactly-once: how long the broker lets a transaction stay open."},
  {"drain.deadline", duration_kind{&cfg::drain_deadline, 0ms, hour}, "How long a revoked partition may finish what it began before it is given up."},
  {"stop.deadline", duration_kind{&cfg::stop_deadline, 0ms, day}, "How long a stop waits for work in progress before it commits what is out and leaves."},
  {"stall.warning", duration_kind{&cfg::stall_warning, 1ms, day}, "A partition whose oldest event has not moved for so long says so in the log, with what it waits for."},
  {"inspect.port", port_kind{&cfg::inspect_port}, "Where keyloom inspect, keyloom top and other CAF programs look into the process; the log tells a port that was chosen."},
  {"inspect.address", text_kind{&cfg::inspect_address, "the address to listen on"}, "The address of that port. Whoever reaches it can pause stages and send messages to every actor of the process."},
  {"connect.timeout", duration_kind{&cfg::connect_timeout, 1ms, hour}, "How long a start waits for a broker to answer."},
  {"http.port", count_kind{&cfg::http_port, "port", 0, 65535}, "Where an HTTP server shows the source while it runs: /, /metrics, /livez, /readyz; 0: nowhere."},
  {"http.address", text_kind{&cfg::http_address}, "The address it listens on. Who can reach it sees keys and errors, without a password."},
  {"metrics", flag_kind{&cfg::metrics}, "Numbers about the source are kept in CAF's metrics registry, for /metrics and CAF's own Prometheus port."},
  {"log.level", program_choice_kind{levels, "info"}, "The least severe lines that are logged; debug shows the Kafka client's, too."},
  {"log.levels", program_text_kind{&log::explain_levels, &log::wrong_levels}, "Levels of components that differ from log.level."},
  {"log.format", program_choice_kind{formats, "text"}, "A log line is text for people, or a JSON object."},
  {"kafka", properties_kind{&cfg::kafka}, "Properties of librdkafka, for consumer and producer."},
};
// clang-format on

} // namespace

std::span<const setting> settings_table() {
  return table;
}

} // namespace keyloom::actors
