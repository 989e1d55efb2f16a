#include <keyloom/embedded_broker.hpp>

#include "runtime/kafka/conf.hpp"
#include "runtime/kafka/errors.hpp"

namespace keyloom {

// The broker is a part of a client that does nothing else.
struct embedded_broker::impl {
  kafka::client_handle client;
  kafka::mock_cluster_handle cluster;
  std::string brokers;
};

caf::expected<embedded_broker> embedded_broker::start() {
  auto conf = kafka::make_conf({}, {}, {});
  if (!conf)
    return std::move(conf.error());
  rd_kafka_conf_set_log_cb(conf->get(), nullptr); // its clients tell what goes wrong
  auto client = kafka::make_client(RD_KAFKA_PRODUCER, std::move(*conf));
  if (!client)
    return std::move(client.error());
  auto result = std::make_unique<impl>();
  result->client = std::move(*client);
  result->cluster.reset(rd_kafka_mock_cluster_new(result->client.get(), 1));
  if (!result->cluster)
    return caf::make_error(errc::kafka_failed, "the embedded broker cannot listen on 127.0.0.1: "
                                                 + kafka::words(rd_kafka_last_error()));
  // Three seconds by default, which every first record of a demo or test would wait.
  rd_kafka_mock_group_initial_rebalance_delay_ms(result->cluster.get(), 0);
  result->brokers = rd_kafka_mock_cluster_bootstraps(result->cluster.get());
  return embedded_broker{std::move(result)};
}

embedded_broker::embedded_broker(std::unique_ptr<impl> ptr) : impl_(std::move(ptr)) {
  // nop
}

embedded_broker::embedded_broker(embedded_broker&&) noexcept = default;
embedded_broker& embedded_broker::operator=(embedded_broker&&) noexcept = default;
embedded_broker::~embedded_broker() = default;

const std::string& embedded_broker::brokers() const {
  return impl_->brokers;
}

caf::error embedded_broker::create_topic(const std::string& name, int32_t partitions) {
  auto code = rd_kafka_mock_topic_create(impl_->cluster.get(), name.c_str(), partitions, 1);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
    return {};
  return kafka::translate(code, errc::kafka_failed, "cannot create topic " + name);
}

} // namespace keyloom
