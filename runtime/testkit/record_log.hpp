// The records of one partition, as a broker would keep them: they stay, so that a partition that is
// assigned again gets those after its commit once more. One thread.
#pragma once

#include "runtime/core/record_batch.hpp"

#include <optional>

namespace keyloom::rig {

/// A record with all that the testkit fills in.
struct logged_record {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<header> headers;
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
};

class record_log {
public:
  record_log(std::string topic, int32_t partition)
    : topic_(std::move(topic)), partition_(partition) {}

  /// Appends a record whose offset is `end()` or higher.
  void append(logged_record rec);

  /// Moves the end without a record.
  void skip(int64_t offsets) { end_ += offsets; }

  /// The offset of the next record.
  int64_t end() const { return end_; }

  /// Up to `most` records from `position` on; without records when only the position moves; null
  /// when `position` is the end.
  core::record_batch_ptr read(int64_t position, size_t most) const;

private:
  std::string topic_;
  int32_t partition_;
  std::vector<logged_record> records_; // by offset
  int64_t end_ = 0;
};

} // namespace keyloom::rig
