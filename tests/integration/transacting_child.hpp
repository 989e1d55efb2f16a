// What a child process does that is frozen while it owns a partition: it reads a record, takes its
// membership, and once it has learnt that the partition is gone, and has joined again, tries to
// commit what it had read.
#pragma once

#include <string>
#include <vector>

namespace keyloom::test {

/// Arguments: "old" (commits under the membership taken when the record was read) or "fresh" (under
/// one taken afterwards), broker, group, topic, topic for the output, prefix of transactional ids.
/// Prints "read", "lost", "joined again", and "committed" or "refused: " and the reason.
constexpr auto transacting_child_flag = "--transacting-child";

int run_transacting_child(const std::vector<std::string>& arguments);

} // namespace keyloom::test
