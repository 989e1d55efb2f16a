// Jobs that a handler actor cannot be asked like others: those that cannot be copied into a
// message, and those without a key; with CAF alone.
#include "tests/fakes/bomb.hpp"
#include "tests/unit/actors/asking_rig.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::fakes;

namespace {

caf::actor echo(caf::actor_system& sys) {
  return sys.spawn([]() -> caf::behavior { return {[](const std::string&, int x) { return x; }}; });
}

/// Copying job 13 throws.
class port_with_bombs final : public detail::actor_port {
public:
  explicit port_with_bombs(detail::actor_port& real) : real_(real) {}
  const detail::actor_layout& layout() const override { return real_.layout(); }
  caf::strong_actor_ptr spawn(caf::actor_system& system, const std::string& key) override {
    return real_.spawn(system, key);
  }
  std::set<std::string> message_types(caf::actor_system& system) const override {
    return real_.message_types(system);
  }
  void ask(caf::event_based_actor& self, const caf::strong_actor_ptr& target, const detail::job& j,
           uint64_t call, detail::answer_port& back) override {
    if (*static_cast<const detail::typed_job<int, int>&>(j).payload == 13)
      throw std::runtime_error("a bomb");
    real_.ask(self, target, j, call, back);
  }

private:
  detail::actor_port& real_;
};

} // namespace

TEST_CASE("a job that throws when it is copied into the message fails alone") {
  quiet_system with;
  asking_rig<int> rig{with.system, shared_actor(echo)};
  port_with_bombs port{*rig.shared.stages[0].port};
  rig.shared.stages[0].port = &port;
  rig.send("a", {0, 13, 2});
  rig.send("b", {0, 1, 2});
  auto results = rig.wait(6);
  REQUIRE(results.size() == 6);
  for (auto& each : results) {
    if (each.job != 13) {
      CHECK(each.result);
      continue;
    }
    CHECK(each.result.error() == errc::processor_failed);
    CHECK(describe(each.result.error()) == "copying the job for the handler actor threw: a bomb");
  }
  CHECK(rig.meter().running == 0);
}

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

TEST_CASE("an answer that throws when it is moved into its job fails that job and nothing else") {
  quiet_system with;
  asking_rig<bomb> rig{with.system, shared_actor([](caf::actor_system& sys) {
                         return sys.spawn([]() -> caf::behavior {
                           return {[](const std::string&, int) { return bomb{}; }};
                         });
                       })};
  std::string reason;
  for (int moves = 1; reason.find("moving the result") == std::string::npos; ++moves) {
    REQUIRE(moves < 20); // the first ones are in the actor and its message, which it dies of
    bomb::fuse = moves;
    rig.send("a", {0});
    auto results = rig.wait(static_cast<size_t>(moves));
    REQUIRE(results.size() == static_cast<size_t>(moves));
    if (!results.back().result)
      reason = describe(results.back().result.error());
  }
  bomb::fuse = 0;
  CHECK(reason == "moving the result threw: a bomb");
}
