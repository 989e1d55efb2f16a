#include "runtime/core/tracker.hpp"

#include <algorithm>

namespace keyloom::core {

namespace {

/// Gathers runs from events in order. Offsets without a record between two that are out belong to
/// their run.
class run_list {
public:
  void add(int64_t begin, int64_t end) {
    auto touches = !runs_.empty() && runs_.back().end == begin;
    if (std::exchange(open_, true) || touches)
      runs_.back().end = end;
    else
      runs_.push_back({begin, end});
  }

  void end_run() { open_ = false; }

  /// No map could name what comes now.
  bool full(int64_t committed) const {
    return runs_.size() > most_runs && runs_.back().end - committed > most_span;
  }

  std::vector<offset_run> take() { return std::move(runs_); }

private:
  std::vector<offset_run> runs_;
  bool open_ = false;
};

void add_events(const tracker::open_batch& from, run_list& to) {
  auto begin = from.done.begin();
  auto offset_at = [&from](auto place) {
    return tracker::offset_of(from, static_cast<uint32_t>(place));
  };
  for (auto at = begin + from.cursor; at != from.done.end();) {
    auto next = std::find(at, from.done.end(), *at == 0 ? 1 : 0);
    if (*at == 0)
      to.end_run();
    else
      to.add(offset_at(at - begin), offset_at(next - begin - 1) + 1);
    at = next;
  }
}

} // namespace

tracker::tracker(int64_t position, std::vector<offset_run> inherited)
  : position_(position), inherited_(std::move(inherited)) {
  drop_before(inherited_, position);
}

tracker::open_batch& tracker::open(record_batch_ptr batch,
                                   std::chrono::steady_clock::time_point now) {
  auto count = static_cast<uint32_t>(batch->records().size());
  auto& entry = batches_.emplace_back();
  entry.self = std::prev(batches_.end());
  entry.taken = now;
  entry.remaining = count;
  entry.count = count;
  entry.next_offset = batch->next_offset();
  entry.first_offset = count == 0 ? entry.next_offset : batch->records().front().offset;
  entry.done.assign(count, 0);
  entry.batch = std::move(batch);
  in_flight_ += count;
  window_ += count;
  if (count == 0)
    close(entry);
  return entry;
}

std::vector<tracker::index_range> tracker::skip_inherited(open_batch& home,
                                                          const record_batch& batch) {
  auto& records = batch.records();
  auto count = static_cast<uint32_t>(records.size());
  std::vector<index_range> left;
  std::vector<uint32_t> inherited;
  auto run = inherited_.begin();
  for (uint32_t index = 0; index < count; ++index) {
    auto offset = records[index].offset;
    while (run != inherited_.end() && run->end <= offset)
      ++run;
    if (run != inherited_.end() && run->begin <= offset)
      inherited.push_back(index);
    else if (!left.empty() && left.back().end == index)
      ++left.back().end;
    else
      left.push_back({index, index + 1});
  }
  for (auto index : inherited) // the last one may end `home`
    out(home, index);
  drop_before(inherited_, batch.next_offset());
  return left;
}

void tracker::out(open_batch& home, uint32_t index, bool copied) {
  home.done[index] = 1;
  --in_flight_;
  home.copied -= copied ? 1 : 0;
  if (--home.remaining == 0)
    close(home);
  else if (home.remaining == home.copied)
    let_go(home);
}

void tracker::copied(open_batch& home) {
  if (++home.copied == home.remaining)
    let_go(home);
}

/// Keeps of the batch's records no more than their offsets.
void tracker::let_go(open_batch& home) {
  if (home.batch == nullptr)
    return;
  home.offsets.reserve(home.batch->records().size());
  for (auto& rec : home.batch->records())
    home.offsets.push_back(rec.offset);
  home.batch = nullptr;
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
  return first == nullptr ? position_ : offset_of(*first, first->cursor);
}

uint64_t tracker::beyond_count() const {
  return batches_.empty() ? 0 : window_ - in_flight_ - batches_.front().cursor;
}

bool tracker::has_beyond() const {
  return inherits() || beyond_count() > 0;
}

std::vector<offset_run> tracker::beyond() {
  run_list result;
  auto committed = committable();
  auto left = beyond_count();
  auto entry = batches_.begin();
  for (; entry != batches_.end() && left > 0; ++entry) {
    if (result.full(committed))
      return result.take();
    if (entry->remaining == 0 && entry->count > 0)
      result.add(entry->first_offset, entry->next_offset);
    else if (entry->remaining > 0)
      add_events(*entry, result);
    left -= entry->count - entry->remaining - entry->cursor;
  }
  if (entry != batches_.end()) // nothing is out in these
    result.end_run();
  // Between the position and what is inherited there may be records that nobody has seen yet.
  auto position = batches_.empty() ? position_ : batches_.back().next_offset;
  for (auto run = inherited_.begin(); run != inherited_.end() && !result.full(committed); ++run) {
    if (run->begin != position)
      result.end_run();
    result.add(run->begin, run->end);
  }
  return result.take();
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
  entry.offsets = {};
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
