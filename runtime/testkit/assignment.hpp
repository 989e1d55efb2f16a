// One assignment of a partition in a testkit: core's partition, its jobs, and the ports that lead
// from it to the session's producer and notes. The session makes one when it assigns the partition
// and drops it when the partition is given up. One thread.
#pragma once

#include "runtime/testkit/delivery_desk.hpp"
#include "runtime/testkit/job_desk.hpp"

namespace keyloom::rig {

/// What all assignments of a session share.
struct surroundings {
  std::shared_ptr<const core::plan> source;
  const core::clock_port& clock;
  delivery_desk& producer;
  std::vector<std::string>& skips;
  std::vector<std::string>& stops;
  uint64_t seed;
  uint64_t& next_job;
  batch_desk& batches;
  core::source_meter& totals;
  std::span<core::stage_meter> stages;
};

class assignment final : private core::output_port,
                         private core::intake_port,
                         private core::incident_port {
public:
  assignment(surroundings around, int32_t number, core::progress start, uint64_t epoch);

  core::partition& core() { return core_; }
  const core::partition& core() const { return core_; }
  job_desk& desk() { return desk_; }
  core::partition_meter& meter() { return meter_; }
  uint64_t epoch() const { return epoch_; }

  /// The offset of the next record to take in.
  int64_t position = 0;
  bool opened = false;
  /// Set while the partition is being handed over.
  std::optional<core::steady_time> deadline;
  size_t wake_ups = 0; ///< of the poller, for credit

private:
  verdict produce(core::event& ev, const outgoing_record& rec, caf::error& reason) override;
  void credit_returned() override { ++wake_ups; }
  void skipped(const caf::error& reason) override { around_.skips.push_back(describe(reason)); }
  void retrying(const caf::error&, uint32_t, core::steady_time::duration) override {}
  void dead_lettered(const caf::error&) override {} // the letters are among the outputs
  void stopped(const caf::error& reason) override { around_.stops.push_back(describe(reason)); }
  void traced(const std::string&) override {}

  surroundings around_;
  int32_t number_;
  uint64_t epoch_;
  job_desk desk_;
  core::partition_meter meter_;
  core::partition core_;
};

} // namespace keyloom::rig
