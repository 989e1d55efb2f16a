#include "runtime/core/state_gap.hpp"

#include "runtime/core/completion_map.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::core;
using Catch::Matchers::Contains;

namespace {

/// What a source wrote with the commit of `offset`, when the change log had come to `log_end`.
std::string metadata(int64_t offset, int64_t log_end) {
  return encode({{}, {}, commit_mark{1, 2, log_end}}, offset);
}

} // namespace

TEST_CASE("a group and a change log that were never written to belong together") {
  CHECK(find_state_gap({-1, "", 0, 0}, true).empty());
  CHECK(find_state_gap({-1, "", 0, 7}, true).empty()); // of transactions that were aborted
}

TEST_CASE("a change log that reaches as far as the commit says, or farther, fits it") {
  CHECK(find_state_gap({5, metadata(5, 10), 0, 10}, true).empty());
  CHECK(find_state_gap({5, metadata(5, 10), 0, 12}, true).empty());
  CHECK(find_state_gap({5, metadata(5, 10), 9, 10}, true).empty()); // compacted
  CHECK(find_state_gap({5, metadata(5, -1), 0, 0}, true).empty());  // nothing was ever changed
}

TEST_CASE("a change log with entries does not fit a group that has committed nothing") {
  CHECK_THAT(find_state_gap({-1, "", 3, 3}, true), Contains("the group has committed nothing"));
}

TEST_CASE("a change log with entries does not fit a commit that knows of none") {
  for (const auto& foreign : {std::string{}, std::string{"of another program"}, encode({}, 5),
                              encode({{}, {{7, 9}}, std::nullopt}, 5), metadata(6, 10).substr(1)}) {
    INFO(foreign);
    CHECK_THAT(find_state_gap({5, foreign, 3, 3}, true),
               Contains("the group's offset 5 was not committed by a source with this change log"));
    CHECK(find_state_gap({5, foreign, 0, 4}, true).empty());
  }
}

TEST_CASE("a change log that ends before the commit's position was cut, or is another") {
  auto told = find_state_gap({5, metadata(5, 10), 0, 9}, true);
  CHECK_THAT(told, Contains("offset 5") && Contains("to offset 10") && Contains("ends at 9"));
  CHECK(!find_state_gap({5, metadata(5, 10), 0, 0}, true).empty()); // also an empty one
}

TEST_CASE("without exactly once a change log need not fit") {
  CHECK(find_state_gap({-1, "", 3, 3}, false).empty());
  CHECK(find_state_gap({5, "", 3, 3}, false).empty());
  CHECK(find_state_gap({5, metadata(5, 10), 0, 9}, false).empty());
}
