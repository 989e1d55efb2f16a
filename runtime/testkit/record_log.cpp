#include "runtime/testkit/record_log.hpp"

#include <caf/make_counted.hpp>

#include <algorithm>

namespace keyloom::rig {

namespace {

std::string_view view(const std::optional<std::string>& from) {
  return from ? std::string_view{*from} : std::string_view{}; // data() is null: so is the field
}

} // namespace

void record_log::append(logged_record rec) {
  end_ = rec.offset + 1;
  records_.push_back(std::move(rec));
}

core::record_batch_ptr record_log::read(int64_t position, size_t most) const {
  if (position >= end_)
    return nullptr;
  auto result = caf::make_counted<core::record_batch>(topic_, partition_);
  auto from = std::lower_bound(records_.begin(), records_.end(), position,
                               [](const logged_record& rec, int64_t offset) {
                                 return rec.offset < offset;
                               });
  for (; from != records_.end() && result->records().size() < most; ++from) {
    result->add(view(from->key), view(from->value), from->offset, from->timestamp_ms);
    for (auto& each : from->headers)
      result->add_header(each.name, view(each.value));
  }
  if (from == records_.end())
    result->set_next_offset(end_);
  return result;
}

} // namespace keyloom::rig
