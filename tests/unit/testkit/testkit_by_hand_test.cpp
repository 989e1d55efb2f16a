// Work done by hand in the testkit, where a completion that is called on the test's thread brings
// its job home before the call returns.
#include <keyloom/testkit.hpp>

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using values = std::vector<std::string>;

struct fixture {
  test_system system;
  event_source<> source{system, {.group = "g", .topic = "t"}};
  std::vector<job_completion> done;
  std::function<void()> at_home = [] {}; ///< what each finalizer does

  fixture() {
    source.on<std::string>(text{}, [this](context<>& ctx, const std::string& value) {
      done.push_back(ctx.job_complete([this, value](context<>& later) {
        later.forward({.topic = "out", .value = value});
        at_home();
        return complete;
      }));
      return incomplete;
    });
  }
};

} // namespace

TEST_CASE("a finalizer of work done by hand may complete other work") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  with.at_home = [&with, first = true]() mutable {
    if (std::exchange(first, false))
      CHECK(with.done[1]());
  };
  CHECK(with.done[0]());
  CHECK(kit.values() == values{"1", "2"});
  CHECK(kit.committable() == 2);
}

TEST_CASE("a finalizer of work done by hand may drop the completion that was called") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  with.at_home = [&with] { with.done.clear(); };
  CHECK(with.done[0]());
  CHECK(kit.values() == values{"1"});
}

TEST_CASE("work done by hand may be the last that keeps its partition, and drop its completion") {
  fixture with;
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.revoke();
  with.at_home = [&with] { with.done.clear(); };
  CHECK(with.done[0]());
  CHECK(kit.state(0) == lifecycle::unassigned);
  CHECK(kit.committed() == 1);
}

TEST_CASE("a completion that fails its event may stop its partition") {
  fixture with;
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  CHECK(with.done[0].fail(caf::make_error(errc::processor_failed, "no answer")));
  CHECK(kit.state(0) == lifecycle::stopped);
  CHECK(with.done[1]());
  CHECK(kit.values().empty());
}
