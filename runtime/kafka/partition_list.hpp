// Between keyloom's vectors of partitions and librdkafka's lists. Pure functions, any thread.
#pragma once

#include "runtime/kafka/handles.hpp"
#include "runtime/kafka/properties.hpp"

#include <string>
#include <vector>

namespace keyloom::kafka {

/// A list of partitions without offsets.
partitions_handle to_list(const std::vector<topic_partition>& partitions);

/// A list with offsets and metadata; `none` stands for offsets below 0.
partitions_handle to_list(const std::vector<partition_offset>& offsets, int64_t none);

/// The partitions of a list; an absent list is an empty one.
std::vector<topic_partition> partitions_of(const rd_kafka_topic_partition_list_t* list);

/// The offsets of a list, -1 where it has none, and their metadata.
std::vector<partition_offset> offsets_of(const rd_kafka_topic_partition_list_t* list);

/// "topic[partition]", as every message of runtime/kafka names a partition; "topic" when that is
/// not chosen yet.
std::string name_of(const topic_partition& where);
std::string name_of(const char* topic, int32_t partition);

} // namespace keyloom::kafka
