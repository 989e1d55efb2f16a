#include "runtime/core/health.hpp"

namespace keyloom::core {

namespace {

std::string reason_of(const partition_state& each) {
  if (!each.error.empty())
    return "stopped: " + each.error;
  if (!each.stall.empty())
    return "stands still: " + each.stall;
  if (each.lifecycle == lifecycle::unassigned)
    return "waits to be opened";
  return each.lifecycle == lifecycle::active ? "" : to_string(each.lifecycle);
}

} // namespace

std::vector<std::string> reasons_not_ready(const source_state& state) {
  if (!state.running)
    return {"it does not run"};
  std::vector<std::string> result;
  if (!state.joined)
    result.emplace_back("the group has not told it yet which partitions are its own");
  for (auto& each : state.partitions)
    if (auto why = reason_of(each); !why.empty())
      result.push_back("partition " + each.topic + "/" + std::to_string(each.partition) + " "
                       + why);
  return result;
}

} // namespace keyloom::core
