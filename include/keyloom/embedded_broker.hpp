// A Kafka broker inside the process (librdkafka's mock cluster), for demos and tests. Real protocol
// over a real socket on 127.0.0.1, so other processes can use it, too, but: nothing survives the
// process, beyond 5 MiB a partition the oldest records are dropped, there are no transactions, and
// a source with a pattern reads the topics that exist when it starts, not those that come later.
#pragma once

#include <caf/expected.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace keyloom {

class embedded_broker {
public:
  /// Starts it on a free port. Errors: errc::kafka_failed with the client's words.
  static caf::expected<embedded_broker> start();

  embedded_broker(embedded_broker&&) noexcept;
  embedded_broker& operator=(embedded_broker&&) noexcept;
  /// Ends the broker; close every client first.
  ~embedded_broker();

  /// HOST:PORT to connect to.
  const std::string& brokers() const;

  /// Creates a topic; an existing one is fine. Topics nobody created get 4 partitions at first use.
  caf::error create_topic(const std::string& name, int32_t partitions);

private:
  struct impl;
  explicit embedded_broker(std::unique_ptr<impl> ptr);
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom
