#include "runtime/kafka/group_metadata.hpp"

#include "runtime/kafka/handles.hpp"

namespace keyloom::kafka {

group_metadata::group_metadata(rd_kafka_consumer_group_metadata_s* owned, uint64_t epoch)
  : ptr_(owned,
         [](rd_kafka_consumer_group_metadata_s* ptr) {
           if (ptr != nullptr)
             rd_kafka_consumer_group_metadata_destroy(ptr);
         }),
    epoch_(epoch) {}

std::string group_metadata::text() const {
  if (!ptr_)
    return "no group";
  return std::string{"group "} + rd_kafka_consumer_group_metadata_group_id(ptr_.get()) + ", member "
         + rd_kafka_consumer_group_metadata_member_id(ptr_.get()) + ", generation "
         + std::to_string(rd_kafka_consumer_group_metadata_generation_id(ptr_.get()));
}

} // namespace keyloom::kafka
