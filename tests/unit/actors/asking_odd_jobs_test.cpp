// Jobs that a handler actor cannot be asked like others: those that cannot be copied into a
// message, and those without a key; with CAF alone.
#include "tests/unit/actors/asking_rig.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::fakes;

namespace {

caf::actor echo(caf::actor_system& sys) {
  return sys.spawn([]() -> caf::behavior { return {[](const std::string&, int x) { return x; }}; });
}

} // namespace

TEST_CASE("jobs without a key have an instance each, and an empty key has one of its own, where "
          "jobs of several keys come in a row") {
  quiet_system with;
  struct counter {
    int jobs = 0;
  };
  asking_rig<int> rig{with.system, per_key_actor([](caf::actor_system& sys, const std::string&) {
                        return sys.spawn([](caf::stateful_actor<counter>* self) -> caf::behavior {
                          return {[self](const std::string&, int) { return ++self->state.jobs; }};
                        });
                      })};
  auto none = std::nullopt;
  rig.send_in_order({none, none, "", none, "", "", none, none, ""});
  auto results = rig.wait(9);
  REQUIRE(results.size() == 9);
  auto nth_of_empty = 0;
  for (auto& each : results) {
    auto empty = each.job == 2 || each.job == 4 || each.job == 5 || each.job == 8;
    CHECK(each.result == caf::expected<int>{empty ? ++nth_of_empty : 1});
  }
  CHECK(rig.meter().actors_made == 6);
}
