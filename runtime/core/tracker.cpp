#include "runtime/core/tracker.hpp"

namespace keyloom::core {

tracker::open_batch& tracker::open(record_batch_ptr batch) {
  auto count = static_cast<uint32_t>(batch->records().size());
  auto& entry = batches_.emplace_back();
  entry.self = std::prev(batches_.end());
  entry.first_sequence = next_sequence_;
  entry.remaining = count;
  entry.count = count;
  entry.next_offset = batch->next_offset();
  entry.done.assign(count, 0);
  entry.batch = std::move(batch);
  next_sequence_ += count;
  in_flight_ += count;
  window_ += count;
  if (count == 0)
    close(entry);
  return entry;
}

void tracker::out(open_batch& home, uint32_t index) {
  home.done[index] = 1;
  --in_flight_;
  if (--home.remaining == 0)
    close(home);
}

const tracker::open_batch* tracker::oldest() {
  if (batches_.empty())
    return nullptr;
  auto& first = batches_.front();
  while (first.done[first.cursor] != 0)
    ++first.cursor;
  return &first;
}

int64_t tracker::committable() {
  const auto* first = oldest();
  return first == nullptr ? position_ : first->batch->records()[first->cursor].offset;
}

void tracker::close(open_batch& entry) {
  auto here = entry.self;
  if (here == batches_.begin()) {
    while (!batches_.empty() && batches_.front().remaining == 0) {
      position_ = batches_.front().next_offset;
      window_ -= batches_.front().count;
      batches_.pop_front();
    }
    return;
  }
  entry.batch = nullptr;
  entry.done = {};
  auto melt = [this](auto into, auto from) {
    into->count += from->count;
    into->next_offset = from->next_offset;
    batches_.erase(from);
  };
  if (auto after = std::next(here); after != batches_.end() && after->remaining == 0)
    melt(here, after);
  if (auto before = std::prev(here); before->remaining == 0)
    melt(before, here);
}

} // namespace keyloom::core
