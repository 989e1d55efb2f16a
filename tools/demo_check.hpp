// Checks what the demo wrote against the file it read: every leg once, each aircraft's legs in
// order; when it was interrupted, as far as it came. One thread.
#pragma once

#include "tools/cluster_access.hpp"
#include "tools/csv_table.hpp"
#include "tools/verification.hpp"

#include <caf/expected.hpp>

#include <string>

namespace keyloom::tools {

struct demo_findings {
  verification_result verified;
  uint64_t keys = 0; ///< aircraft
  uint64_t left = 0; ///< legs that an interrupted demo had not done
  std::string worst_tail;
  int64_t worst_late_min = 0;
};

/// Reads `out` to its end. `key_column` of `legs` holds the tail numbers; so many of the legs are
/// said to be `done`, and an output for each is expected: all others are left.
caf::expected<demo_findings> check_demo(cluster_access& access, const std::string& out,
                                        const csv_table& legs, size_t key_column, uint64_t done);

} // namespace keyloom::tools
