#include "tools/cluster_access.hpp"

#include "actors/config_file.hpp"
#include "actors/settings.hpp"

#include <keyloom/errc.hpp>
#include <keyloom/source_config.hpp>

#include <iostream>

namespace keyloom::tools {

namespace {

// Syslog's levels, as librdkafka uses them.
constexpr int log_warning = 4;

// On the embedded broker nothing is far away: a group that lost a member goes on within seconds,
// and a fetch that waits for more costs more than it brings.
const kafka::properties& embedded_defaults() {
  static const kafka::properties result{
    {"session.timeout.ms", "3000"},
    {"heartbeat.interval.ms", "300"},
    {"fetch.wait.max.ms", "5"},
  };
  return result;
}

// Read as an event source reads it, so that one file serves all sub-commands.
caf::error read_config_file(const std::string& path, caf::settings& content,
                            source_config& settings) {
  if (path.empty())
    return {};
  auto read = actors::read_config_file(path);
  if (!read)
    return caf::make_error(errc::bad_config, "--config: " + describe(read.error()));
  content = std::move(*read);
  if (auto err = actors::read_settings(content, settings))
    return caf::make_error(errc::bad_config, "--config: " + path + ": " + describe(err));
  return {};
}

} // namespace

caf::expected<cluster_access> cluster_access::open(const common_options& options) {
  cluster_access result;
  source_config file;
  if (auto err = read_config_file(options.config_file, result.file_, file))
    return err;
  result.brokers_ = options.brokers.empty() ? file.brokers : options.brokers;
  result.kafka_ = options.kafka;
  result.kafka_.merge(file.kafka);
  result.timeout_ = file.connect_timeout;
  if (options.timeout)
    result.timeout_ = *options.timeout;
  if (result.brokers_ == "embedded") {
    auto started = embedded_broker::start();
    if (!started)
      return std::move(started.error());
    result.embedded_.emplace(std::move(*started));
    result.brokers_ = result.embedded_->brokers();
    result.kafka_.insert(embedded_defaults().begin(), embedded_defaults().end());
  }
  auto made = kafka::cluster::make(result.brokers_, result.kafka_);
  if (!made)
    return std::move(made.error());
  result.cluster_ = std::move(*made);
  if (auto err = result.cluster_->wait_until_reachable(result.timeout_))
    return err;
  return result;
}

void cluster_access::log(int level, const std::string& text) {
  // Producers and consumers are made with the same properties; each complains about the other's.
  auto not_its_own = text.find("property and will be ignored by this") != std::string::npos;
  if (level <= log_warning && !not_its_own)
    std::cerr << ("keyloom: " + text + "\n") << std::flush;
}

caf::error cluster_access::ensure_topic(const std::string& name, int32_t partitions) {
  // The mock behind the embedded broker has no admin API.
  if (embedded_)
    return embedded_->create_topic(name, partitions);
  return cluster_->create_topic(name, partitions, timeout_);
}

caf::expected<int32_t> cluster_access::partition_count(const std::string& name) {
  return cluster_->partition_count(name, timeout_);
}

} // namespace keyloom::tools
