// Handler actors on another node, and what becomes of their jobs when the node is not there.
#include "tests/integration/remote_node.hpp"
#include "tests/integration/source_fixture.hpp"

#include <keyloom/handler_actor.hpp>

#include <caf/io/middleman.hpp>

#include <catch2/catch.hpp>

#include <mutex>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;

namespace {

/// What the finalizer saw. Any thread.
class outcomes {
public:
  outcome note(const caf::expected<int>& answer) {
    std::lock_guard guard{mutex_};
    if (answer)
      answers_.push_back(*answer);
    else
      errors_.push_back(describe(answer.error()));
    return complete;
  }

  std::vector<int> answers() const {
    std::lock_guard guard{mutex_};
    return answers_;
  }

  std::vector<std::string> errors() const {
    std::lock_guard guard{mutex_};
    return errors_;
  }

private:
  mutable std::mutex mutex_;
  std::vector<int> answers_; // guarded by mutex_, as all below
  std::vector<std::string> errors_;
};

template <class Processor>
void define(event_source<>& source, outcomes& seen, Processor processor) {
  auto stage = source.stage<int, int>(
    "far", std::move(processor),
    [&seen](context<>&, std::string_view, int&, caf::expected<int> x) { return seen.note(x); },
    wide_network);
  source.on_default([stage](context<>& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, std::stoi(std::string{rec.value}));
  });
}

template <class Predicate>
bool soon(Predicate f) {
  return eventually([&] {
    std::this_thread::yield();
    return f();
  });
}

} // namespace

TEST_CASE(
  "a remote actor works; when its node is gone jobs fail and say so, and go on when it is back") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(2);
  remote_node node;
  auto address = "127.0.0.1:" + std::to_string(node.port());
  outcomes seen;
  event_source<> source{with.system, with.config(in)};
  define(source, seen, remote_actor<remote_doubler>("127.0.0.1", node.port()));
  require_ok(source.start());

  send(broker, keyed(in, 60, 20));
  REQUIRE(soon([&] { return seen.answers().size() == 60; }));
  CHECK(seen.errors().empty());
  CHECK(source.state().stages[0].actors_made == 1); // connections

  // A request is under way when the node goes down: it fails, though nothing is answered.
  send(broker, {{.topic = in, .key = "hold", .value = "1"}});
  REQUIRE(soon([&] { return source.state().stages[0].running == 1; }));
  node.kill();
  REQUIRE(soon([&] { return seen.errors().size() == 1; }));
  CHECK_THAT(seen.errors()[0], Catch::Contains(address));

  // While it is away, each job fails by itself.
  send(broker, keyed(in, 10, 10));
  REQUIRE(soon([&] { return seen.errors().size() == 11; }));
  for (auto& each : seen.errors())
    CHECK_THAT(each, Catch::Contains(address));

  remote_node again{node.port()};
  send(broker, keyed(in, 60, 20));
  REQUIRE(soon([&] { return seen.answers().size() == 120; }));
  CHECK(seen.errors().size() == 11);
  CHECK(source.state().stages[0].actors_made == 2);
  CHECK(source.state().stages[0].actors_alive == 1);
  source.stop();
  CHECK(source.state().stages[0].actors_alive == 0); // it lives, but is no more of this source
  CHECK(source.state().errors.empty());
}

TEST_CASE("a remote actor that is not there fails its job into the policy") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, {{.topic = in, .key = "k", .value = "1"}});
  uint16_t port = 0;
  {
    remote_node gone;
    port = gone.port();
  }
  event_source<> source{with.system, with.config(in)};
  auto stage = source.stage<int, int>("far", remote_actor("127.0.0.1", port));
  source.on_default(
    [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  require_ok(source.start());
  REQUIRE(soon([&] { return !source.state().errors.empty(); }));
  CHECK_THAT(source.state().errors[0],
             Catch::Contains("stage 'far'")
               && Catch::Contains("127.0.0.1:" + std::to_string(port) + " cannot be reached"));
  source.stop();
}

TEST_CASE("a remote actor that takes other messages than the handle says is refused") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  remote_node node;
  send(broker, {{.topic = in, .key = "k", .value = "1"}});
  event_source<> source{with.system, with.config(in)};
  using other = caf::typed_actor<caf::result<std::string>(std::string, int)>;
  auto stage = source.stage<int, std::string>("far", remote_actor<other>("127.0.0.1", node.port()));
  source.on_default(
    [stage](context<>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  require_ok(source.start());
  REQUIRE(soon([&] { return !source.state().errors.empty(); }));
  CHECK_THAT(source.state().errors[0], Catch::Contains("takes other messages"));
  source.stop();
}

TEST_CASE(
  "a source with a remote actor does not start without CAF's middleman, and says what to do") {
  caf::actor_system_config cfg;
  caf::actor_system system{cfg};
  event_source<> source{system, {.group = "g", .topic = "t"}};
  source.stage<int, int>("far", remote_actor("127.0.0.1", 1));
  source.on_default([](context<>&, const record&) { return complete; });
  auto err = source.start();
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err),
             Catch::Contains("stage 'far'") && Catch::Contains("load<caf::io::middleman>()"));
}

TEST_CASE("a pool without actors is refused at start") {
  caf::actor_system_config cfg;
  caf::actor_system system{cfg};
  event_source<> source{system, {.group = "g", .topic = "t"}};
  source.stage<int, int>("none", actor_pool(0, [](caf::actor_system& sys) -> caf::actor {
                           return sys.spawn([] {
                             return caf::behavior{[](const std::string&, int x) { return x; }};
                           });
                         }));
  source.on_default([](context<>&, const record&) { return complete; });
  auto err = source.start();
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Catch::Contains("stage 'none'"));
}
