#include "runtime/core/record_batch.hpp"

#include <algorithm>
#include <functional>

namespace keyloom::core {

namespace {

constexpr size_t min_chunk_bytes = 4096;

} // namespace

record_batch::record_batch(std::string topic, int32_t partition)
  : topic_(std::move(topic)), partition_(partition) {
  // nop
}

record_batch::~record_batch() {
  if (account_)
    account_->give_back(charged_);
}

void record_batch::charge(std::shared_ptr<byte_budget::account> to) {
  account_ = std::move(to);
  charged_ = static_cast<int64_t>(bytes_);
  account_->hold(charged_);
}

void record_batch::reserve(size_t records, size_t bytes) {
  records_.reserve(records_.size() + records);
  if (bytes > free_bytes_) {
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(bytes));
    free_ = chunks_.back().get();
    free_bytes_ = bytes;
  }
}

char* record_batch::allocate(size_t bytes) {
  if (bytes > free_bytes_)
    reserve(0, std::max(bytes, min_chunk_bytes));
  auto* result = free_;
  free_ += bytes;
  free_bytes_ -= bytes;
  bytes_ += bytes;
  return result;
}

void record_batch::add(std::string_view key, std::string_view value, int64_t offset,
                       int64_t timestamp_ms) {
  // One spare byte keeps the data() of an empty key or value from being null.
  auto* mem = allocate(key.size() + value.size() + 1);
  auto copy = [&mem](std::string_view from) {
    if (from.data() == nullptr)
      return std::string_view{};
    std::copy(from.begin(), from.end(), mem);
    std::string_view result{mem, from.size()};
    mem += from.size();
    return result;
  };
  record rec;
  rec.key = copy(key);
  rec.value = copy(value);
  rec.offset = offset;
  rec.timestamp_ms = timestamp_ms;
  rec.key_hash = rec.has_key() ? std::hash<std::string_view>{}(rec.key) : 0;
  records_.push_back(rec);
  bytes_ += sizeof(record);
  next_offset_ = offset + 1;
}

void record_batch::add_copy(const record& from) {
  auto headers = from.headers.bytes();
  reserve(1, from.key.size() + from.value.size() + 1 + headers);
  add(from.key, from.value, from.offset, from.timestamp_ms);
  if (headers == 0)
    return;
  auto* mem = allocate(headers);
  std::copy_n(from.headers.data(), headers, mem);
  records_.back().headers = header_block{mem, headers};
}

void record_batch::add_header(std::string_view name, std::string_view value) {
  uint32_t sizes[2] = {static_cast<uint32_t>(name.size()), value.data() == nullptr
                                                             ? header_block::null_size
                                                             : static_cast<uint32_t>(value.size())};
  auto& block = records_.back().headers;
  auto size = sizeof sizes + name.size() + value.size();
  auto contiguous = block.data() + block.bytes() == free_ && size <= free_bytes_;
  auto* mem = allocate(contiguous || block.empty() ? size : block.bytes() + size);
  auto* first = mem;
  if (contiguous) {
    first = const_cast<char*>(block.data()); // the arena is ours; the view is const for readers
  } else if (!block.empty()) {
    mem = std::copy_n(block.data(), block.bytes(), mem);
  }
  std::memcpy(mem, sizes, sizeof sizes);
  mem = std::copy(name.begin(), name.end(), mem + sizeof sizes);
  mem = std::copy(value.begin(), value.end(), mem);
  block = header_block{first, static_cast<uint32_t>(mem - first)};
}

} // namespace keyloom::core
