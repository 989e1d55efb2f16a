// Takes the producer's delivery reports to the partitions their records came from: gathers what one
// poll of the producer reported and sends one message a partition. Called on the producer's thread.
#pragma once

#include "runtime/core/partition.hpp"
#include "runtime/kafka/producer.hpp"

#include <unordered_map>

namespace keyloom::actors {

class delivery_router final : public kafka::producer::report_port {
public:
  void delivered(void* token, const caf::error& refused) override;
  void reports_drained() override;

private:
  struct gathered {
    core::work_memory_ptr memory;
    std::vector<core::delivery> reports;
  };

  std::unordered_map<core::work_memory*, gathered> pending_;
  gathered* last_ = nullptr; ///< in `pending_`: of the last report
};

} // namespace keyloom::actors
