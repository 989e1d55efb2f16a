// What a source shows of itself while it runs: its partitions, what went wrong, and whether it has
// ended by itself. Written by the source actor, read by `event_source::state` and `run`. Any
// thread.
#pragma once

#include "runtime/core/meters.hpp"
#include "runtime/kafka/properties.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace keyloom::actors {

class source_board {
public:
  /// `ended` is called, from the source actor, when the source cannot go on by itself.
  void on_ended(std::function<void()> callback);

  void started();
  void stopped();
  void add(const kafka::topic_partition& where, std::shared_ptr<core::partition_meter> meter);
  /// It is another member's now; when the source stops, what has failed stays to be seen.
  void remove(const kafka::topic_partition& where, bool keep_failed);
  void failed(const kafka::topic_partition& where, const std::string& reason);
  void failed(const std::string& reason);
  /// What a partition that stands still waits for; empty: it moves.
  void stands(const kafka::topic_partition& where, const std::string& why);
  void ended();
  /// Whether the partition's events are logged; false: it is not ours.
  bool trace(const kafka::topic_partition& where, bool on);

  /// Totals for a new start; forgets what the last one showed.
  std::shared_ptr<core::source_meter> new_totals(std::shared_ptr<const core::byte_budget> budget);

  /// Meters for the stages of these names, for a new start.
  std::shared_ptr<std::vector<core::stage_meter>> new_stages(std::vector<std::string> names);

  /// The meter of the stage at `index`, which is a batcher.
  std::shared_ptr<core::batcher_meter> new_batcher(size_t index);

  source_state snapshot() const;

  struct row {
    kafka::topic_partition where;
    std::shared_ptr<core::partition_meter> meter;
    std::string error;
    std::string stall;
  };

  /// The meters themselves, of the last start.
  struct meters {
    std::shared_ptr<core::source_meter> totals;
    std::vector<row> partitions;
    std::vector<std::string> stage_names; ///< batchers among them
    std::shared_ptr<std::vector<core::stage_meter>> stages;
    std::map<size_t, std::shared_ptr<core::batcher_meter>> batchers; ///< by their place in stages
    std::shared_ptr<const core::byte_budget> budget;
  };
  meters read() const;

private:
  static partition_state partition_snapshot(const row& from,
                                            std::chrono::steady_clock::time_point now);
  batcher_state batcher_snapshot(size_t index, const core::batcher_meter& meter) const;
  stage_state stage_snapshot(size_t index) const;

  mutable std::mutex mutex_;
  bool running_ = false; // guarded by mutex_, as all below
  std::vector<row> rows_;
  std::shared_ptr<core::source_meter> totals_ = std::make_shared<core::source_meter>();
  std::vector<std::string> stage_names_;
  std::shared_ptr<std::vector<core::stage_meter>> stages_;
  std::map<size_t, std::shared_ptr<core::batcher_meter>> batchers_; ///< by their place in stages_
  std::shared_ptr<const core::byte_budget> budget_;                 ///< null before the first start
  std::vector<std::string> errors_;
  std::function<void()> ended_;
};

} // namespace keyloom::actors
