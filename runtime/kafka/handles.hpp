// One owner for everything librdkafka hands out: each handle is a unique_ptr with librdkafka's own
// function as its deleter. Order of destruction is the user's affair and matters: messages, events,
// lists and queues go before the client they came from (a held one makes rd_kafka_destroy hang).
// Included by runtime/kafka only.
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <memory>

namespace keyloom::kafka {

/// A deleter that calls a C function.
template <auto Destroy>
struct destroy_by {
  template <class T>
  void operator()(T* ptr) const {
    Destroy(ptr);
  }
};

using client_handle = std::unique_ptr<rd_kafka_t, destroy_by<rd_kafka_destroy>>;
using conf_handle = std::unique_ptr<rd_kafka_conf_t, destroy_by<rd_kafka_conf_destroy>>;
using queue_handle = std::unique_ptr<rd_kafka_queue_t, destroy_by<rd_kafka_queue_destroy>>;
using event_handle = std::unique_ptr<rd_kafka_event_t, destroy_by<rd_kafka_event_destroy>>;
using error_handle = std::unique_ptr<rd_kafka_error_t, destroy_by<rd_kafka_error_destroy>>;
using topic_handle = std::unique_ptr<rd_kafka_topic_t, destroy_by<rd_kafka_topic_destroy>>;
using headers_handle = std::unique_ptr<rd_kafka_headers_t, destroy_by<rd_kafka_headers_destroy>>;
using partition_handle
  = std::unique_ptr<rd_kafka_topic_partition_t, destroy_by<rd_kafka_topic_partition_destroy>>;
using partitions_handle = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                          destroy_by<rd_kafka_topic_partition_list_destroy>>;
using metadata_handle
  = std::unique_ptr<const rd_kafka_metadata_t, destroy_by<rd_kafka_metadata_destroy>>;
using new_topic_handle
  = std::unique_ptr<rd_kafka_NewTopic_t, destroy_by<rd_kafka_NewTopic_destroy>>;
using topic_names_handle
  = std::unique_ptr<rd_kafka_TopicCollection_t, destroy_by<rd_kafka_TopicCollection_destroy>>;
using admin_options_handle
  = std::unique_ptr<rd_kafka_AdminOptions_t, destroy_by<rd_kafka_AdminOptions_destroy>>;
using group_offsets_handle = std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t,
                                             destroy_by<rd_kafka_ListConsumerGroupOffsets_destroy>>;
using config_resource_handle
  = std::unique_ptr<rd_kafka_ConfigResource_t, destroy_by<rd_kafka_ConfigResource_destroy>>;
using mock_cluster_handle
  = std::unique_ptr<rd_kafka_mock_cluster_t, destroy_by<rd_kafka_mock_cluster_destroy>>;

} // namespace keyloom::kafka
