// What one transaction holds: for each partition of the source that moved, the records to produce
// (outputs and change-log entries), and the offset with its metadata. Records are views into
// content that the part keeps alive: the client sends values from there, and a transaction that was
// aborted is sent again from it. Values; a thread at a time.
#pragma once

#include "runtime/kafka/group_metadata.hpp"
#include "runtime/kafka/properties.hpp"
#include "runtime/kafka/record_view.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace keyloom::kafka {

/// What a transaction does for one partition of the source.
struct transaction_part {
  /// Committed with the records. The metadata names this very commit (a counter is in it): when the
  /// client cannot tell whether the transaction was committed, the group's metadata does.
  partition_offset commit;
  std::vector<const core::packed_output*> packed = {}; ///< sent in this order,
  std::vector<record_view> records = {};               ///< and these behind them
  std::shared_ptr<const void> content = nullptr;       ///< what both are views into

  size_t size() const { return packed.size() + records.size(); }

  record_view at(size_t i) const {
    return i < packed.size() ? view_of(*packed[i]) : records[i - packed.size()];
  }
};

/// Records of a transaction by their places, counted over all parts.
struct record_range {
  size_t first = 0;
  size_t end = 0; ///< one behind the last

  size_t size() const { return end - first; }
};

struct transaction {
  group_metadata group; ///< taken when its records were read
  std::vector<transaction_part> parts = {};

  /// The chain's: one of these was refused, with all that were sent together with it.
  std::optional<record_range> suspects = std::nullopt;
};

} // namespace keyloom::kafka
