// The topic behind a store: compacted, with as many partitions as the source, so that the changes
// of a source partition are in the change-log partition of the same number. Blocks; not on an
// actor's thread.
#pragma once

#include "runtime/kafka/cluster.hpp"

namespace keyloom::kafka {

struct change_log_topic {
  std::string name;
  std::string source;     ///< the topic it belongs to
  int32_t partitions = 0; ///< of the source
};

/// Creates the topic when it is not there. One that is there with another number of partitions, or
/// another cleanup.policy than compact: errc::bad_config, with what it is, what is wanted, and what
/// to do.
caf::error ensure_change_log(cluster& at, const change_log_topic& wanted,
                             std::chrono::milliseconds timeout);

} // namespace keyloom::kafka
