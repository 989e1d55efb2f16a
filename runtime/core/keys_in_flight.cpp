#include "runtime/core/keys_in_flight.hpp"

#include <algorithm>

namespace keyloom::core {

void keys_in_flight::add(const detail::job& j) {
  auto& ev = *j.origin;
  auto by_hand = j.stage == detail::job::no_stage;
  auto& rec = ev.record();
  auto& at = by_hand ? row_of(ev, j.stage, rec.key, rec.key_hash)
                     : row_of(ev, j.stage, j.key, j.key_hash);
  ++at.jobs;
  at.calls += j.pass ? 0 : 1;
  at.running |= j.begun;
  if (at.job == nullptr || ev.sequence < at.oldest->sequence
      || (&ev == at.oldest && j.begun && !at.job->begun)) {
    at.oldest = &ev;
    at.job = &j;
  }
}

void keys_in_flight::add(const event& ev) {
  auto live = ev.home != nullptr || ev.interjected != nullptr;
  if (!live || ev.open_jobs > 0 || ev.waiting)
    return;
  auto& rec = ev.record();
  auto& at = row_of(ev, detail::job::no_stage, rec.key, rec.key_hash);
  ++at.jobs;
  if (ev.sequence <= at.oldest->sequence) {
    at.oldest = &ev;
    at.job = nullptr;
  }
}

std::vector<keys_in_flight::row> keys_in_flight::oldest(size_t most) const {
  auto result = others_;
  for (auto& [key, each] : keyed_)
    result.push_back(each);
  auto count = std::min(most, result.size());
  auto end = result.begin() + static_cast<ptrdiff_t>(count);
  std::partial_sort(result.begin(), end, result.end(), [](const row& a, const row& b) {
    return a.oldest->sequence < b.oldest->sequence;
  });
  result.resize(count);
  return result;
}

keys_in_flight::row& keys_in_flight::row_of(const event& ev, uint32_t stage, std::string_view key,
                                            uint64_t hash) {
  auto& result = key.data() == nullptr ? others_.emplace_back() : keyed_[{hash, stage}];
  if (result.oldest == nullptr)
    result.oldest = &ev;
  return result;
}

} // namespace keyloom::core
