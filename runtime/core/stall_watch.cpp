#include "runtime/core/stall_watch.hpp"

#include <algorithm>

namespace keyloom::core {

using std::chrono::milliseconds;

stall_watch::verdict stall_watch::look(int64_t oldest, bool busy, steady_time now) {
  if (!busy || oldest != oldest_) {
    oldest_ = oldest;
    if (reported_) // how long it stood is told, up to this look
      stood_ = std::chrono::duration_cast<milliseconds>(now - since_);
    since_ = now;
    report_at_ = warning_;
    return std::exchange(reported_, false) ? verdict::moved : verdict::nothing;
  }
  stood_ = std::chrono::duration_cast<milliseconds>(now - since_);
  if (stood_ < report_at_)
    return verdict::nothing;
  while (report_at_ <= stood_)
    report_at_ *= 2;
  reported_ = true;
  return verdict::stands_still;
}

milliseconds stall_watch::interval(milliseconds warning) {
  return std::clamp(warning / 10, milliseconds{10}, milliseconds{1000});
}

} // namespace keyloom::core
