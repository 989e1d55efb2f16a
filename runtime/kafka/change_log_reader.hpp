// Reads the change log of partitions that were assigned, so that their stores can be rebuilt. For
// each, in this order (DESIGN 6, point 8):
//
//   1. what the group has committed, by a stable fetch, which waits for the last owner's pending
//      transactions to end;
//   2. then the end of the change log in all that was written (the last stable offset, or where a
//      read_committed reader comes to an end, may lie before the last transaction, whose markers
//      are written one after the other);
//   3. then everything up to there, read committed. Aborted records and control records are holes:
//      it is over when the position has passed the end, not when a certain entry came.
//
// One thread of its own, and, while there is something to read, one consumer for all partitions,
// which joins no group. `restore`, `cancel`: any thread.
#pragma once

#include "runtime/core/record_batch.hpp"
#include "runtime/kafka/cluster.hpp"

#include <functional>

namespace keyloom::kafka {

class change_log_reader {
public:
  /// How far a partition is.
  struct progress {
    uint64_t records = 0;  ///< entries that were read
    uint64_t bytes = 0;    ///< of them, as held in memory
    int64_t remaining = 0; ///< offsets up to the end; more than entries
  };

  /// What it begins with.
  struct start {
    partition_offset committed; ///< of the source's partition, and its metadata
    watermarks log;             ///< of the change log's
  };

  /// Hears of it all, on the reader's thread; must not block, nor call the reader. For a partition:
  /// `found`, then any number of `entries` and `progressed`, then `restored`; or `failed` instead
  /// of what is still to come.
  class restore_port {
  public:
    virtual ~restore_port() = default;
    virtual void found(int32_t partition, const start& begin) = 0;
    /// Entries in the order of the log.
    virtual void entries(int32_t partition, core::record_batch_ptr batch) = 0;
    /// About every second.
    virtual void progressed(int32_t partition, const progress& how_far) = 0;
    /// `position`: behind the last entry.
    virtual void restored(int32_t partition, const progress& how_far, int64_t position) = 0;
    virtual void failed(int32_t partition, const caf::error& reason) = 0;
    /// Whether more entries may come now; asked often.
    virtual bool has_room(int32_t partition) = 0;
  };

  struct config {
    std::string brokers;
    properties kafka = {};
    std::string group;      ///< whose offsets are looked up
    std::string source;     ///< the topic they are of
    std::string change_log; ///< the topic that is read
    bool skip_headers = false;
    /// For a partition's offsets to be known. A transaction whose owner died ends after its
    /// transaction.timeout.ms and 10 s more.
    std::chrono::milliseconds timeout{60'000};
    std::function<void(int level, const std::string& text)> log = {}; ///< syslog's levels
  };

  change_log_reader(config settings, restore_port& port);
  /// Stops reading.
  ~change_log_reader();

  /// Begins to restore these partitions.
  void restore(const std::vector<int32_t>& partitions);

  /// Forgets them; `restore_port` hears nothing more of them once this has returned.
  void cancel(const std::vector<int32_t>& partitions);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom::kafka
