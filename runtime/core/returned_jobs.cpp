#include "runtime/core/returned_jobs.hpp"

#include <algorithm>

namespace keyloom::core {

void returned_jobs::back(detail::job& j, std::optional<steady_time> due) {
  --out_;
  j.again = due.has_value();
  if (due)
    due_ = std::max(due_, *due);
  auto behind = std::find_if(home_.rbegin(), home_.rend(), [&j](const detail::job* each) {
                  return each->behind < j.behind;
                }).base();
  home_.insert(behind, &j);
}

detail::job* returned_jobs::take_final() {
  if (home_.empty() || home_.front()->again || home_.front()->behind != finalized_)
    return nullptr;
  auto* result = home_.front();
  home_.pop_front();
  ++finalized_;
  return result;
}

run returned_jobs::take_again() {
  run result;
  std::erase_if(home_, [&result](detail::job* each) {
    if (!each->again)
      return false;
    each->again = false;
    each->begun.store(false, std::memory_order_relaxed);
    result.append(*each);
    return true;
  });
  due_ = {};
  return result;
}

} // namespace keyloom::core
