// The inside of `cluster`, shared by cluster.cpp (reaching it, reading it), cluster_offsets.cpp
// (offsets) and cluster_topics.cpp (creating a topic, its settings).
#pragma once

#include "runtime/kafka/cluster.hpp"
#include "runtime/kafka/handles.hpp"
#include "runtime/kafka/time.hpp"

namespace keyloom::kafka {

/// How often a cluster is asked again whether what was asked for is there by now.
constexpr std::chrono::milliseconds ask_again{20};

struct cluster::impl {
  std::string brokers;
  properties user;
  client_handle client = {};
  queue_handle events = {};
  std::string last_problem = {};

  // -- cluster.cpp -----------------------------------------------------------------------------

  /// A client for asking; with `auto_create`, asking for a topic creates it.
  caf::expected<client_handle> connect(bool auto_create) const;
  /// Waits for news of the connection up to `timeout`; keeps the last bad one for error messages.
  void listen(std::chrono::milliseconds timeout);
  caf::error unreachable() const;
  /// Connects anew. A client that was once told of no broker at all, as a cluster does whose only
  /// one is fenced for a moment, forgets those it knew and never asks again (librdkafka 2.14.2).
  caf::error renew();
  /// Asks once for a topic (all that is known, without one).
  caf::expected<metadata_handle> ask(rd_kafka_t* asking, const std::string& topic,
                                     const deadline& until);
  /// Asks until somebody answers. `asking` may be another client afterwards when it is our own.
  caf::expected<metadata_handle> ask_until(client_handle& asking, const std::string& topic,
                                           const deadline& until);
  /// Asks until the topic is there with its leaders, is known to be missing, or time is up.
  caf::expected<int32_t> count(client_handle& asking, const std::string& topic,
                               const deadline& until);

  // -- cluster_offsets.cpp ---------------------------------------------------------------------

  /// The answer of one ListConsumerGroupOffsets request.
  caf::expected<event_handle> ask_offsets(const std::string& group,
                                          const std::vector<topic_partition>& partitions,
                                          bool stable, const deadline& until);
  /// The answer of one ListOffsets request; `spec` says which offsets.
  caf::expected<event_handle> ask_ends(const std::vector<topic_partition>& partitions, int64_t spec,
                                       const deadline& until);

  // -- cluster_topics.cpp ----------------------------------------------------------------------

  /// Whether the controller that the cluster names is one of its brokers.
  caf::expected<bool> has_controller(const deadline& until);
  caf::error create(const std::string& topic, int32_t partitions, const properties& topic_config,
                    const deadline& until);
  caf::error create_by_asking(const std::string& topic, int32_t partitions, const deadline& until);
  caf::error wait_for(const std::string& topic, const deadline& until);
};

} // namespace keyloom::kafka
