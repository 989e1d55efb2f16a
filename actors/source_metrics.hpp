// A source's numbers in CAF's metrics registry, keyloom_*: for CAF's own Prometheus port and for
// /metrics. The work itself counts in meters (runtime/core/meters.hpp); they are copied from there,
// every second and before each scrape, so metrics cost nothing by the record. Labels have few
// values: group, topic and partition, stage, batcher; never a key or an offset. Series of
// partitions that went to others stay, at 0, because CAF's registry forgets none. Any thread.
#pragma once

#include "actors/metric_copies.hpp"
#include "actors/source_board.hpp"

#include <caf/fwd.hpp>
#include <caf/telemetry/gauge.hpp>

#include <map>
#include <mutex>

namespace keyloom::actors {

class source_metrics {
public:
  /// For one start of a source: its counters begin at 0.
  source_metrics(caf::telemetry::metric_registry& to, std::string group, const source_board& from);

  void copy();

private:
  using gauges = std::vector<caf::telemetry::int_gauge*>; ///< as the tables of the .cpp have them

  /// Of a stage or a batcher.
  struct named {
    std::vector<counter_copy> counters;
    gauges now;
    std::vector<histogram_copy> histograms;
  };

  struct of_partition {
    gauges now;
    caf::telemetry::dbl_gauge* oldest_age = nullptr;
  };

  void copy_partitions(const std::vector<partition_state>& from);
  void copy_stages(const source_board::meters& from);
  named stage_metrics(const std::string& stage);
  named batcher_metrics(const std::string& batcher);
  of_partition partition_metrics(const kafka::topic_partition& where);

  caf::telemetry::metric_registry& registry_;
  std::string group_;
  const source_board& board_;

  std::mutex mutex_;
  std::vector<counter_copy> totals_; // guarded by mutex_, as all below
  gauges gauges_;
  std::optional<histogram_copy> commits_;
  std::map<kafka::topic_partition, of_partition> partitions_;
  std::vector<named> stages_;
};

} // namespace keyloom::actors
