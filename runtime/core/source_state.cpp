#include <keyloom/source_state.hpp>

#include "runtime/core/shown_key.hpp"

#include <cmath>

namespace keyloom {

std::string to_string(const restore_state& x) {
  auto result = std::to_string(x.entries) + " entries, " + std::to_string(x.bytes >> 10)
                + " KiB, in " + std::to_string(std::llround(x.seconds * 1000)) + " ms";
  if (x.remaining > 0)
    result += ", up to " + std::to_string(x.remaining) + " to come";
  return result;
}

std::string to_string(lifecycle x) {
  switch (x) {
    case lifecycle::unassigned:
      return "unassigned";
    case lifecycle::restoring:
      return "restoring";
    case lifecycle::active:
      return "active";
    case lifecycle::draining:
      return "draining";
    case lifecycle::stopped:
      return "stopped";
  }
  return "lifecycle(" + std::to_string(static_cast<int>(x)) + ")";
}

std::string to_string(processor_kind x) {
  switch (x) {
    case processor_kind::compute:
      return "compute";
    case processor_kind::blocking:
      return "blocking";
    case processor_kind::actor:
      return "actor";
    case processor_kind::async:
      return "async";
    case processor_kind::batch:
      return "batch";
  }
  return "processor_kind(" + std::to_string(static_cast<int>(x)) + ")";
}

std::string to_string(stage_mode x) {
  switch (x) {
    case stage_mode::by_key:
      return "by_key";
    case stage_mode::by_partition:
      return "by_partition";
    case stage_mode::unordered:
      return "unordered";
  }
  return "stage_mode(" + std::to_string(static_cast<int>(x)) + ")";
}

std::string to_string(const event_state& ev) {
  auto named = !ev.interjection.empty();
  auto result = named ? "interjection '" + ev.interjection + "'"
                      : "offset " + std::to_string(ev.offset);
  if (ev.key)
    result += ", key " + core::shown_key(*ev.key);
  else if (!named)
    result += ", no key";
  if (!ev.stage.empty())
    result += ", stage '" + ev.stage + "'";
  return result + ", waits for " + ev.waits_for;
}

} // namespace keyloom
