// librdkafka properties by name, passed through untouched. keyloom sets its own on top of the
// user's where its rules need it (no auto commit, no offset store, no silent reset, idempotence)
// and refuses a user's value that contradicts one of them. Values only.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>

namespace keyloom::kafka {

/// Property name to value, as librdkafka's CONFIGURATION.md lists them, e.g. {"session.timeout.ms",
/// "6000"}.
using properties = std::map<std::string, std::string>;

/// A partition of a topic.
struct topic_partition {
  std::string topic;
  int32_t partition = 0;
  auto operator<=>(const topic_partition&) const = default;
};

/// An offset of a partition with the commit's metadata. Offset -1 means none.
struct partition_offset {
  topic_partition where;
  int64_t offset = -1;
  std::string metadata = {};
};

} // namespace keyloom::kafka
