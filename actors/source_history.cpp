#include "actors/source_history.hpp"

namespace keyloom::actors {

namespace {

constexpr size_t most_samples = 300;
constexpr double ms_per_ns = 1e-6;

} // namespace

source_history::counted source_history::count(const source_board::meters& from, size_t stage) {
  if (auto batcher = from.batchers.find(stage); batcher != from.batchers.end())
    return {batcher->second->batches, batcher->second->took.read()};
  auto& meter = (*from.stages)[stage];
  return {meter.calls, meter.took.read()};
}

void source_history::look() {
  auto from = board_.read();
  auto now = clock::now();
  std::lock_guard guard{mutex_};
  auto seconds = std::chrono::duration<double>(now - std::exchange(looked_, now)).count();
  auto rate = [seconds](uint64_t is, uint64_t was) {
    return static_cast<double>(is - was) / seconds;
  };
  auto in = from.totals->records.load();
  auto out = from.totals->out.load();
  sample next;
  next.time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count();
  next.in_per_s = rate(in, std::exchange(in_, in));
  next.out_per_s = rate(out, std::exchange(out_, out));
  next.in_flight = std::max<int64_t>(from.totals->in_flight, 0);
  auto stages = from.stages ? from.stages->size() : 0;
  stages_.resize(stages);
  for (size_t i = 0; i < stages; ++i) {
    auto is = count(from, i);
    auto& was = stages_[i];
    next.stages.push_back(
      {rate(is.calls, was.calls),
       core::percentile(core::time_bounds, was.took, is.took, 0.5) * ms_per_ns,
       core::percentile(core::time_bounds, was.took, is.took, 0.99) * ms_per_ns});
    was = std::move(is);
  }
  samples_.push_back(std::move(next));
  if (samples_.size() > most_samples)
    samples_.pop_front();
}

std::vector<source_history::sample> source_history::samples() const {
  std::lock_guard guard{mutex_};
  return {samples_.begin(), samples_.end()};
}

source_history::sample source_history::latest() const {
  std::lock_guard guard{mutex_};
  return samples_.empty() ? sample{} : samples_.back();
}

} // namespace keyloom::actors
