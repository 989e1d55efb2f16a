// Brings the change log of partitions that were assigned to their stores: what the reader reads
// goes to the partition actors in batches, no more of them at once than they keep up with, and how
// far it is into meters and log. What the group has committed must fit the change log, or counts
// would begin anew, or be counted twice: then the partition stops, unless `on_gap` lets it go on.
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "runtime/kafka/change_log_reader.hpp"

#include <map>
#include <mutex>

namespace keyloom::actors {

class restorer final : private kafka::change_log_reader::restore_port {
public:
  explicit restorer(services& shared);

  /// Begins with these partitions, whose stores wait for it. From the source actor.
  struct target {
    partition_start start;
    caf::actor partition;
    std::shared_ptr<core::partition_meter> meter;
    // Set by the restorer.
    kafka::change_log_reader::start begin = {};
    std::chrono::steady_clock::time_point told = {}; ///< how far it is
  };
  void restore(const std::vector<target>& partitions);

  /// Forgets them.
  void cancel(const std::vector<kafka::topic_partition>& partitions);

private:
  using progress = kafka::change_log_reader::progress;

  void found(int32_t partition, const kafka::change_log_reader::start& begin) override;
  void entries(int32_t partition, core::record_batch_ptr batch) override;
  void progressed(int32_t partition, const progress& how_far) override;
  void restored(int32_t partition, const progress& how_far, int64_t position) override;
  void failed(int32_t partition, const caf::error& reason) override;
  bool has_room(int32_t partition) override;
  std::optional<target> find(int32_t partition);
  caf::error check(const target& to, uint64_t entries) const;

  services& shared_;
  std::mutex mutex_;
  std::map<int32_t, target> targets_; // guarded by mutex_
  kafka::change_log_reader reader_;   // last: its thread uses the others
};

} // namespace keyloom::actors
