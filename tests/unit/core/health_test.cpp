#include "runtime/core/health.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using reasons = std::vector<std::string>;

namespace {

source_state with(partition_state one) {
  source_state result;
  result.running = true;
  result.joined = true;
  result.partitions = {{.topic = "t", .partition = 0, .lifecycle = lifecycle::active},
                       std::move(one)};
  return result;
}

} // namespace

TEST_CASE("a source is ready when all of its partitions are active") {
  CHECK(core::reasons_not_ready(with({"t", 1, lifecycle::active})).empty());
}

TEST_CASE("a member of a group without partitions is ready, once the group has said so") {
  source_state state;
  CHECK(core::reasons_not_ready(state) == reasons{"it does not run"});
  state.running = true;
  CHECK(core::reasons_not_ready(state)
        == reasons{"the group has not told it yet which partitions are its own"});
  state.joined = true;
  CHECK(core::reasons_not_ready(state).empty());
}

TEST_CASE("a partition that is not active keeps its source from being ready") {
  CHECK(core::reasons_not_ready(with({"t", 1, lifecycle::restoring}))
        == reasons{"partition t/1 restoring"});
  CHECK(core::reasons_not_ready(with({"t", 1, lifecycle::draining}))
        == reasons{"partition t/1 draining"});
  CHECK(core::reasons_not_ready(with({"t", 1, lifecycle::unassigned}))
        == reasons{"partition t/1 waits to be opened"});
  CHECK(core::reasons_not_ready(
          with({.topic = "t", .partition = 1, .lifecycle = lifecycle::stopped, .error = "why"}))
        == reasons{"partition t/1 stopped: why"});
}

TEST_CASE("I10: a partition that stands still keeps its source from being ready") {
  CHECK(core::reasons_not_ready(
          with({.topic = "t", .partition = 1, .lifecycle = lifecycle::active, .stall = "it waits"}))
        == reasons{"partition t/1 stands still: it waits"});
}
