// The records of one poll of one partition, and the memory they live in. The poller fills a batch
// and hands it on; from then on it is read only. Work refers to records by (batch, index), so a
// record is copied once, out of the client's fetch buffer, and never again. Reference counted,
// because the events of a batch end at different times and on different threads; the memory goes
// with the last.
#pragma once

#include "runtime/core/byte_budget.hpp"

#include <keyloom/record.hpp>

#include <caf/intrusive_ptr.hpp>
#include <caf/ref_counted.hpp>

#include <memory>
#include <vector>

namespace keyloom::core {

class record_batch : public caf::ref_counted {
public:
  record_batch(std::string topic, int32_t partition);
  ~record_batch() override;

  const std::string& topic() const { return topic_; }
  int32_t partition() const { return partition_; }
  const std::vector<record>& records() const { return records_; }
  bool empty() const { return records_.empty(); }

  /// The consumer's position behind this batch: one past its last record, or further where the
  /// partition ends in control records. Committed when everything up to it is out.
  int64_t next_offset() const { return next_offset_; }

  /// Bytes held for the records: keys, values, headers and the index.
  size_t bytes() const { return bytes_; }

  // -- filling; the poller, before the batch is handed on --------------------------------------

  /// Makes room for `records` more records whose keys, values and headers take `bytes` together.
  void reserve(size_t records, size_t bytes);

  /// Copies a record. A null `data()` in `key` or `value` means null. Headers follow by
  /// `add_header`.
  void add(std::string_view key, std::string_view value, int64_t offset, int64_t timestamp_ms);

  /// Copies a record of another batch, with its headers, into no more memory than it needs.
  void add_copy(const record& from);

  /// Appends a header to the record added last; `value` with a null `data()` means null.
  void add_header(std::string_view name, std::string_view value);

  /// Sets the position behind the batch when it is further than one past the last record.
  void set_next_offset(int64_t offset) { next_offset_ = offset; }

  /// Lets the account hold this batch's bytes until its memory goes. Once, when it is filled.
  void charge(std::shared_ptr<byte_budget::account> to);

private:
  char* allocate(size_t bytes);

  std::string topic_;
  int32_t partition_;
  int64_t next_offset_ = -1;
  size_t bytes_ = 0;
  std::vector<record> records_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* free_ = nullptr;
  size_t free_bytes_ = 0;
  std::shared_ptr<byte_budget::account> account_;
  int64_t charged_ = 0;
};

using record_batch_ptr = caf::intrusive_ptr<record_batch>;

} // namespace keyloom::core
