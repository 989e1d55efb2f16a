// How a sub-command gets at its cluster: reads the configuration file, resolves `--brokers
// embedded` by starting the embedded broker in the process, waits until a broker answers, and hands
// out what clients are made with. Owned by the run_x function, which destroys it after all its
// clients. One thread.
#pragma once

#include "runtime/kafka/cluster.hpp"
#include "tools/common_options.hpp"

#include <keyloom/embedded_broker.hpp>

#include <caf/expected.hpp>
#include <caf/settings.hpp>

#include <memory>
#include <optional>
#include <string>

namespace keyloom::tools {

class cluster_access {
public:
  /// Starts the embedded broker when asked for it and waits until a broker answers; errors:
  /// errc::bad_config for a property the client does not take or a configuration file that cannot
  /// be read or says something wrong, errc::broker_unreachable after the timeout.
  static caf::expected<cluster_access> open(const common_options& options);

  cluster_access(cluster_access&&) noexcept = default;
  cluster_access& operator=(cluster_access&&) noexcept = delete;

  /// What the configuration file says; empty without one. Its settings are right.
  const caf::settings& file() const { return file_; }

  /// HOST:PORT[,...] to connect to, never "embedded".
  const std::string& brokers() const { return brokers_; }

  /// The user's properties, on an embedded broker completed by short group timings.
  const kafka::properties& kafka() const { return kafka_; }

  kafka::cluster& cluster() { return *cluster_; }

  /// The broker in this process; null when the cluster is an outside one.
  embedded_broker* embedded() { return embedded_ ? &*embedded_ : nullptr; }

  /// For the clients' configurations: what they complain about, for stderr. Any thread.
  static void log(int level, const std::string& text);

  /// How long every single call on the cluster may take.
  std::chrono::milliseconds timeout() const { return timeout_; }

  /// Creates `name` when it is absent; an existing topic keeps its partitions.
  caf::error ensure_topic(const std::string& name, int32_t partitions);

  /// Number of partitions of `name`; errc::topic_missing when it does not exist.
  caf::expected<int32_t> partition_count(const std::string& name);

private:
  cluster_access() = default;

  // The broker is the first member: it ends after the client that is connected to it.
  std::optional<embedded_broker> embedded_;
  std::unique_ptr<kafka::cluster> cluster_;
  caf::settings file_;
  std::string brokers_;
  kafka::properties kafka_;
  std::chrono::milliseconds timeout_{0};
};

} // namespace keyloom::tools
