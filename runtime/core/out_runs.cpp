#include "runtime/core/out_runs.hpp"

#include "runtime/core/held_event.hpp"
#include "runtime/core/sealed_text.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace keyloom::core {

size_t map_room(bool has_topic, size_t limit) {
  // As `encode`: the version's prefix as it is, the seal, and in it the flags and the topic.
  constexpr size_t prefix = std::string_view{"keyloom:1:"}.size();
  auto used = 1 + (has_topic ? std::tuple_size_v<topic_id> : 0);
  auto room = limit < prefix ? 0 : sealed_room(limit - prefix);
  return room < used ? 0 : room - used;
}

size_t out_runs::run_bytes(int64_t gap, int64_t length) {
  auto varint_size = [](int64_t value) {
    return (static_cast<size_t>(std::bit_width(static_cast<uint64_t>(value) | 1)) + 6) / 7;
  };
  return varint_size(gap) + varint_size(length);
}

size_t out_runs::map_bytes(const std::vector<offset_run>& out, int64_t committed) {
  if (out.empty())
    return 0;
  size_t as_runs = 0;
  auto before = committed;
  for (auto& run : out) {
    as_runs += run_bytes(run.begin - before, run.end - run.begin);
    before = run.end;
  }
  return std::min(as_runs, bitmap_bytes(before - committed));
}

out_runs::out_runs(progress start, size_t room)
  : room_(room), position_(start.offset), inherited_(std::move(start.beyond)) {
  drop_before(inherited_, position_);
}

uint64_t out_runs::next(int64_t offset) {
  auto record = next_record_++;
  if (stretches_.empty() || offset != offset_of(record))
    stretches_.push_back({record, offset});
  if (record == lowest_)
    lowest_offset_ = offset;
  if (!runs_.empty() && runs_.back().last + 1 == record)
    runs_.back().after = offset;
  moved_to(offset + 1);
  return record;
}

uint64_t out_runs::admit(int64_t offset) {
  return next(offset);
}

void out_runs::pass_over(int64_t offset) {
  auto record = next(offset);
  if (record == lowest_) {
    lowest_is(lowest_ + 1, -1);
  } else {
    append(runs_, {record, record, offset, offset + 1, -1});
  }
}

void out_runs::moved_to(int64_t position) {
  position_ = std::max(position_, position);
  while (inherited_from_ < inherited_.size() && inherited_[inherited_from_].end <= position_)
    ++inherited_from_;
  if (inherited_from_ < inherited_.size())
    inherited_[inherited_from_].begin = std::max(inherited_[inherited_from_].begin, position_);
}

/// Of a record from the lowest on. Of one that was not admitted yet: what it is without a gap.
int64_t out_runs::offset_of(uint64_t record) const {
  auto behind = std::upper_bound(stretches_.begin(), stretches_.end(), record,
                                 [](uint64_t x, const stretch& each) { return x < each.first; });
  auto& with = *std::prev(behind);
  return with.offset + static_cast<int64_t>(record - with.first);
}

/// The offset of the record behind this one; -1: none was admitted yet.
int64_t out_runs::offset_behind(uint64_t record) const {
  return record + 1 == next_record_ ? -1 : offset_of(record + 1);
}

out_runs::run out_runs::run_of(const leaving& one) const {
  auto offset = offset_of(one.record);
  return {one.record, one.record, offset, offset + 1, offset_behind(one.record)};
}

void out_runs::lowest_is(uint64_t record, int64_t offset) {
  lowest_ = record;
  lowest_offset_ = offset;
  while (stretches_.size() > 1 && stretches_[1].first <= lowest_)
    stretches_.pop_front();
}

void out_runs::append(std::vector<run>& runs, const run& next) {
  if (runs.empty() || runs.back().last + 1 != next.first) {
    runs.push_back(next);
    return;
  }
  auto& back = runs.back();
  back.last = next.last;
  back.end = next.end;
  back.after = next.after;
}

bool out_runs::leave(std::span<const leaving> records) {
  merged_.clear();
  auto mine = runs_.begin();
  for (auto& each : records) {
    if (each.record == held_event::no_record)
      continue;
    for (; mine != runs_.end() && mine->first < each.record; ++mine)
      append(merged_, *mine);
    append(merged_, run_of(each));
  }
  for (; mine != runs_.end(); ++mine)
    append(merged_, *mine);
  auto lowest = lowest_;
  auto lowest_offset = lowest_offset_;
  if (!merged_.empty() && merged_.front().first == lowest) {
    lowest = merged_.front().last + 1;
    lowest_offset = merged_.front().after;
    merged_.erase(merged_.begin());
  }
  named_.clear();
  name(merged_, named_);
  if (map_bytes(named_, committed(lowest_offset)) > room_)
    return false;
  lowest_is(lowest, lowest_offset);
  runs_.swap(merged_);
  return true;
}

bool out_runs::leave_in_line(uint64_t first, uint64_t last) {
  if (first != lowest_ || !runs_.empty())
    return false;
  lowest_is(last + 1, offset_behind(last));
  return true;
}

size_t out_runs::plausible(std::span<const leaving> records) const {
  auto mine = runs_.begin();
  auto last = lowest_ - 1;     // of what is out or may leave, without a gap
  auto after = lowest_offset_; // the offset behind it
  auto lowest = int64_t{-1};   // the lowest that no part can go beyond
  size_t certain = 0;          // runs that every part has that goes so far
  auto counted = true;         // the present one is among them, or it is below the lowest
  auto pass = [&](uint64_t from, uint64_t to, int64_t behind, bool is_certain) {
    if (from != last + 1) {
      lowest = lowest < 0 ? after : lowest;
      counted = false;
    }
    if (is_certain && !std::exchange(counted, true))
      ++certain;
    last = to;
    after = behind;
  };
  for (size_t i = 0; i < records.size(); ++i) {
    auto& each = records[i];
    if (each.record == held_event::no_record)
      continue;
    for (; mine != runs_.end() && mine->first < each.record; ++mine)
      pass(mine->first, mine->last, mine->after, true);
    auto is_certain = each.reach == each.sequence;
    pass(each.record, each.record, offset_behind(each.record), is_certain);
    if (is_certain && lowest >= 0 && run_bytes(0, 0) * certain > room_
        && bitmap_bytes(offset_of(each.record) + 1 - lowest) > room_)
      return i;
  }
  return records.size();
}

int64_t out_runs::committed(int64_t lowest_offset) const {
  return lowest_offset < 0 ? position_ : lowest_offset;
}

/// Whether no record can lie between this one and the first that is inherited.
bool out_runs::touches_inherited(uint64_t last_record) const {
  return last_record + 1 == next_record_ && inherited_from_ < inherited_.size()
         && inherited_[inherited_from_].begin == position_;
}

void out_runs::name(const std::vector<run>& runs, std::vector<offset_run>& to) const {
  for (auto& each : runs)
    to.push_back({each.begin, each.end});
  auto from = inherited_.begin() + static_cast<std::ptrdiff_t>(inherited_from_);
  if (!runs.empty() && touches_inherited(runs.back().last))
    to.back().end = from++->end;
  to.insert(to.end(), from, inherited_.end());
}

progress out_runs::reached() const {
  progress result;
  result.offset = committed(lowest_offset_);
  name(runs_, result.beyond);
  return result;
}

} // namespace keyloom::core
