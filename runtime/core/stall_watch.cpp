#include "runtime/core/stall_watch.hpp"

#include "runtime/core/shown_key.hpp"

#include <algorithm>

namespace keyloom::core {

using std::chrono::milliseconds;

std::string to_string(const standing_event& ev) {
  auto named = !ev.interjection.empty();
  auto result = named ? "interjection '" + ev.interjection + "'"
                      : "offset " + std::to_string(ev.offset);
  if (ev.key)
    result += ", key " + shown_key(*ev.key);
  else if (!named)
    result += ", no key";
  if (!ev.stage.empty())
    result += ", stage '" + ev.stage + "'";
  return result + ", waits for " + ev.waits_for;
}

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
