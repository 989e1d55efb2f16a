// Record batches in one line.
#pragma once

#include "runtime/core/record_batch.hpp"

#include <caf/make_counted.hpp>

#include <initializer_list>
#include <optional>
#include <string>

namespace keyloom::fakes {

struct test_record {
  int64_t offset;
  std::optional<std::string> key = "k";
  std::string value = "v";
};

inline core::record_batch_ptr make_batch(const std::vector<test_record>& records,
                                         int64_t next_offset = -1) {
  auto result = caf::make_counted<core::record_batch>("topic", 0);
  for (auto& rec : records)
    result->add(rec.key ? std::string_view{*rec.key} : std::string_view{}, rec.value, rec.offset,
                0);
  if (next_offset >= 0)
    result->set_next_offset(next_offset);
  return result;
}

/// A batch of these offsets, all of one key.
inline core::record_batch_ptr make_batch(std::initializer_list<int64_t> offsets,
                                         int64_t next_offset = -1) {
  std::vector<test_record> records;
  for (auto offset : offsets)
    records.push_back({offset});
  return make_batch(records, next_offset);
}

} // namespace keyloom::fakes
