#include "runtime/core/parked_work.hpp"

#include <algorithm>

namespace keyloom::core {

void parked_work::add(const entry& x) {
  heap_.push_back(x);
  std::push_heap(heap_.begin(), heap_.end(), later);
}

std::optional<parked_work::entry> parked_work::take_due(steady_time now) {
  if (heap_.empty() || heap_.front().due > now)
    return std::nullopt;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  auto result = heap_.back();
  heap_.pop_back();
  return result;
}

std::optional<steady_time> parked_work::next() const {
  if (heap_.empty())
    return std::nullopt;
  return heap_.front().due;
}

} // namespace keyloom::core
