// What becomes of a partition one of whose actors dies: by a handler actor here that ends who asks
// it, which no handler actor should do, but memory may run out anywhere.
#include "tests/integration/source_fixture.hpp"

#include <keyloom/handler_actor.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <mutex>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

/// Answers with the job; kills the actor of keyloom's that asks for the key "deadly".
caf::behavior deadly(caf::stateful_actor<std::vector<caf::typed_response_promise<int>>>* self) {
  return {[self](const std::string& key, int job) -> caf::result<int> {
    if (key != "deadly")
      return job;
    self->send_exit(self->current_sender(), caf::exit_reason::kill);
    return self->state.emplace_back(self->make_response_promise<int>());
  }};
}

} // namespace

TEST_CASE("a partition whose actor dies stops with an error, the other goes on, and a stop returns "
          "although calls of the dead one never end") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(2);
  auto before = with.system.registry().running();
  {
    event_source<> source{with.system, with.config(in)};
    std::atomic<int> dead{-1}, begun{0}, others{0};
    std::mutex mutex;
    std::vector<completion<int>> never; // guarded by mutex
    auto ask = source.stage<int, int>(
      "ask", shared_actor([](caf::actor_system& sys) { return sys.spawn(deadly); }), wide_network);
    auto wait = source.stage<int, int>("wait",
                                       async([&](std::string_view, int&, completion<int> done) {
                                         std::lock_guard guard{mutex};
                                         never.push_back(std::move(done));
                                         ++begun;
                                       }),
                                       wide_network);
    source.on_default([&](context<>& ctx, const record& rec) {
      if (rec.key == "deadly")
        dead = ctx.partition();
      else if (rec.key != "held" && ctx.partition() != dead)
        ++others;
      return rec.key == "held" ? wait.schedule(ctx, rec.key, 1) : ask.schedule(ctx, rec.key, 1);
    });
    // Both keys lie in one partition: what is held is held by the one that dies.
    auto held = outgoing_record{.topic = in, .key = "held", .value = "1", .partition = 0};
    auto kills = outgoing_record{.topic = in, .key = "deadly", .value = "1", .partition = 0};
    send(broker, {held});
    require_ok(source.start());
    REQUIRE(eventually([&] { return begun == 1; }));
    send(broker, {kills});
    REQUIRE(eventually([&] { return !source.state().errors.empty(); }));
    send(broker, keyed(in, 40, 20));
    auto other = static_cast<size_t>(1 - dead);
    REQUIRE(eventually([&] {
      auto state = source.state();
      return others > 0 && state.partitions[other].committed == others
             && state.partitions[other].in_flight == 0;
    }));
    auto state = source.state();
    REQUIRE(state.errors.size() == 1);
    CHECK_THAT(state.errors[0], Catch::Contains("died"));
    CHECK(state.partitions[static_cast<size_t>(dead)].lifecycle == lifecycle::stopped);
    CHECK(state.partitions[static_cast<size_t>(dead)].error == state.errors[0]);
    auto begin = std::chrono::steady_clock::now();
    source.stop();
    CHECK(std::chrono::steady_clock::now() - begin < patience / 2);
    CHECK(source.state().errors.size() == 1);
    CHECK(with.committed(in)[static_cast<size_t>(dead)] <= 0);
    CHECK(with.committed(in)[other] == others);
  }
  CHECK(with.system.registry().running() == before);
}
