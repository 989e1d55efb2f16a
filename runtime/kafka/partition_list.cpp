#include "runtime/kafka/partition_list.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace keyloom::kafka {

namespace {

// librdkafka frees the metadata of a list with free().
void set_metadata(rd_kafka_topic_partition_t* entry, const std::string& metadata) {
  if (metadata.empty())
    return;
  entry->metadata = std::malloc(metadata.size());
  if (entry->metadata == nullptr)
    throw std::bad_alloc{};
  std::memcpy(entry->metadata, metadata.data(), metadata.size());
  entry->metadata_size = metadata.size();
}

std::string metadata_of(const rd_kafka_topic_partition_t& entry) {
  if (entry.metadata == nullptr)
    return {};
  return {static_cast<const char*>(entry.metadata), entry.metadata_size};
}

} // namespace

partitions_handle to_list(const std::vector<topic_partition>& partitions) {
  partitions_handle list{rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size()))};
  for (const auto& where : partitions)
    rd_kafka_topic_partition_list_add(list.get(), where.topic.c_str(), where.partition);
  return list;
}

partitions_handle to_list(const std::vector<partition_offset>& offsets, int64_t none) {
  partitions_handle list{rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size()))};
  for (const auto& [where, offset, metadata] : offsets) {
    auto* entry = rd_kafka_topic_partition_list_add(list.get(), where.topic.c_str(),
                                                    where.partition);
    entry->offset = offset < 0 ? none : offset;
    set_metadata(entry, metadata);
  }
  return list;
}

std::vector<topic_partition> partitions_of(const rd_kafka_topic_partition_list_t* list) {
  std::vector<topic_partition> result;
  for (int i = 0; list != nullptr && i < list->cnt; ++i)
    result.push_back({list->elems[i].topic, list->elems[i].partition});
  return result;
}

std::vector<partition_offset> offsets_of(const rd_kafka_topic_partition_list_t* list) {
  std::vector<partition_offset> result;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    const auto& entry = list->elems[i];
    result.push_back(
      {{entry.topic, entry.partition}, entry.offset < 0 ? -1 : entry.offset, metadata_of(entry)});
  }
  return result;
}

std::string name_of(const topic_partition& where) {
  return name_of(where.topic.c_str(), where.partition);
}

std::string name_of(const char* topic, int32_t partition) {
  std::string result{topic};
  if (partition >= 0)
    result += "[" + std::to_string(partition) + "]";
  return result;
}

} // namespace keyloom::kafka
