// Looking into a source, and acting on it, from another actor system.
#include "tests/integration/footprint.hpp"
#include "tests/integration/held_calls.hpp"
#include "tests/integration/source_fixture.hpp"

#include <keyloom/inspector.hpp>

#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

/// A free port, for a test that has to know it before.
uint16_t free_port(caf::actor_system& system) {
  auto nobody = system.spawn([] {});
  auto port = require_value(system.middleman().publish(nobody, 0, "127.0.0.1"));
  system.middleman().unpublish(nobody, port);
  return port;
}

/// Another process's actor system, as far as CAF can tell.
struct client {
  quiet_config quiet;
  caf::actor_system system{quiet};
  inspector there;

  explicit client(uint16_t port)
    : there(require_value(connect_inspector(system, "127.0.0.1", port))) {}

  system_state look() {
    system_state result;
    caf::scoped_actor self{system};
    self->request(there, 10s, look_atom_v)
      .receive([&](system_state& seen) { result = std::move(seen); },
               [](const caf::error& reason) { FAIL(to_string(reason)); });
    return result;
  }

  /// What is wrong with an order; empty: it was carried out.
  template <class... Ts>
  std::string tell(const Ts&... order) {
    std::string result;
    caf::scoped_actor self{system};
    self->request(there, 10s, order...)
      .receive([] {}, [&](const caf::error& reason) { result = describe(reason); });
    return result;
  }

  std::string limit(const inspector_target& what, const limit_change& to, stage_limits& now) {
    std::string result;
    caf::scoped_actor self{system};
    self->request(there, 10s, limit_atom_v, what, to)
      .receive([&](const stage_limits& answer) { now = answer; },
               [&](const caf::error& reason) { result = describe(reason); });
    return result;
  }
};

outgoing_record at(const std::string& topic, int32_t partition, std::string key) {
  return {.topic = topic, .key = std::move(key), .value = "1", .partition = partition};
}

} // namespace

TEST_CASE("a program elsewhere sees which key hangs, pauses and resumes, changes limits, traces") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, {at(in, 0, "fine"), at(in, 0, "slow")});
  held_calls calls;
  auto cfg = with.config(in);
  cfg.inspect_port = free_port(with.system);
  event_source<> source{with.system, cfg};
  hold_slow_key(source, calls);
  require_ok(source.start());
  client other{*cfg.inspect_port};

  system_state seen;
  REQUIRE(eventually([&] {
    seen = other.look();
    return seen.sources.size() == 1 && seen.sources[0].out == 1 && seen.sources[0].keys.size() == 1;
  }));
  CHECK(seen.process == static_cast<uint64_t>(getpid()));
  auto& first = seen.sources[0];
  CHECK(first.group == with.group);
  CHECK(first.joined);
  CHECK(first.keys[0].oldest.key == "slow");
  CHECK(first.keys[0].oldest.stage == "hold");
  CHECK(first.keys[0].oldest.waits_for == "a call that runs");
  CHECK(first.keys[0].oldest.offset == first.partitions[0].oldest->offset);

  CHECK(other.tell(pause_atom_v, inspector_target{{}, "hold", "fine"}).empty());
  send(broker, {at(in, 0, "fine"), at(in, 0, "other"), at(in, 0, "fine")});
  REQUIRE(eventually([&] { return source.state().out == 2; }));
  auto paused = other.look().sources[0];
  CHECK(paused.stages[0].paused_keys == std::vector<std::string>{"fine"});
  auto held = std::ranges::find(paused.keys, "fine", [](auto& key) { return *key.oldest.key; });
  REQUIRE(held != paused.keys.end());
  CHECK(held->oldest.waits_for == "its key, which is paused by an inspector");
  CHECK(held->jobs == 2);
  CHECK(other.tell(resume_atom_v, inspector_target{with.group, "hold", "fine"}).empty());
  REQUIRE(eventually([&] { return source.state().out == 4; }));

  CHECK(other.tell(pause_atom_v, inspector_target{{}, "hold", {}}).empty());
  send(broker, {at(in, 0, "fine")});
  calls.let_go();
  REQUIRE(eventually([&] { return source.state().out == 5; }));
  REQUIRE(eventually([&] {
    auto now = other.look().sources[0];
    return !now.keys.empty()
           && now.keys[0].oldest.waits_for == "its stage, which is paused by an inspector";
  }));
  CHECK(other.tell(resume_atom_v, inspector_target{{}, "hold", {}}).empty());
  REQUIRE(eventually([&] { return source.state().out == 6; }));

  stage_limits now;
  CHECK(other.limit({{}, "hold", {}}, {.concurrency = 7}, now).empty());
  CHECK(now.concurrency == 7);
  CHECK(source.state().stages[0].limits.concurrency == 7);

  CHECK(other.tell(follow_atom_v, trace_order{{}, {}, 0, true}).empty());
  CHECK(source.state().partitions[0].traced);
  CHECK(other.tell(follow_atom_v, trace_order{{}, in, 0, false}).empty());
  CHECK_FALSE(source.state().partitions[0].traced);
  source.stop();
}

TEST_CASE("an inspector says what it does not know, and what there is instead") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  auto cfg = with.config(in);
  cfg.inspect_port = free_port(with.system);
  event_source<> source{with.system, cfg};
  auto work = source.stage<int, void>("work", compute([](std::string_view, int&) {}));
  source.batcher<int>("write", blocking([](batch<int>&) {}));
  source.on_default(
    [work](context<>& ctx, const record& rec) { return work.schedule(ctx, rec.key, 1); });
  require_ok(source.start());
  client other{*cfg.inspect_port};
  CHECK_THAT(other.tell(pause_atom_v, inspector_target{{}, "wrok", {}}),
             Contains("no stage 'wrok'") && Contains("'work', 'write'"));
  CHECK_THAT(other.tell(resume_atom_v, inspector_target{"else", "work", {}}),
             Contains("no single event source is 'else'") && Contains(with.group + "/" + in));
  CHECK_THAT(other.tell(pause_atom_v, inspector_target{{}, "write", "a"}), Contains("batcher"));
  stage_limits now;
  CHECK_THAT(other.limit({{}, "work", {}}, {.concurrency = 0}, now), Contains("concurrency"));
  CHECK_THAT(other.tell(follow_atom_v, trace_order{{}, {}, 77, true}),
             Contains(in + "/77 is not assigned"));
  source.stop();
}

TEST_CASE(
  "an inspector shows all sources of its process, and needs to be told which one to act on") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto one = broker.new_topic(1);
  auto two = broker.new_topic(1);
  auto cfg = with.config(one);
  cfg.inspect_port = free_port(with.system);
  auto run = [](context<>&, const record&) { return complete; };
  event_source<> first{with.system, cfg};
  first.on_default(run);
  cfg.topic = two;
  event_source<> second{with.system, cfg}; // the same settings: the port is there already
  second.on_default(run);
  require_ok(first.start());
  require_ok(second.start());
  {
    client other{*cfg.inspect_port};
    CHECK(other.look().sources.size() == 2);
    CHECK_THAT(other.tell(pause_atom_v, inspector_target{{}, "x", {}}), Contains("say which"));
    CHECK_THAT(other.tell(pause_atom_v, inspector_target{with.group + "/" + two, "x", {}}),
               Contains("no stage 'x'"));
    first.stop();
    CHECK(other.look().sources.size() == 1);
  }
  second.stop();
}

TEST_CASE("I9: an inspector ends with the last source, and its port is free again") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  auto cfg = with.config(in);
  cfg.inspect_port = free_port(with.system);
  event_source<> source{with.system, cfg};
  source.on_default([](context<>&, const record&) { return complete; });
  auto actors = with.system.registry().running();
  for (int round = 0; round < 3; ++round) {
    require_ok(source.start());
    client other{*cfg.inspect_port};
    CHECK(other.look().sources.size() == 1);
    source.stop();
    CHECK(with.system.registry().running() == actors);
    CHECK(with.system.registry().get<caf::strong_actor_ptr>(inspector_name) == nullptr);
  }
  quiet_config quiet;
  caf::actor_system alone{quiet};
  auto gone = connect_inspector(alone, "127.0.0.1", *cfg.inspect_port);
  REQUIRE_FALSE(gone);
  CHECK(gone.error() == errc::no_inspector);
}

TEST_CASE("a port that is taken is told at the start, with the setting, and used once it is free") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  quiet_config quiet;
  caf::actor_system elsewhere{quiet};
  auto occupant = elsewhere.spawn(
    [](caf::event_based_actor* self) -> caf::behavior { return {[self](int) { self->quit(); }}; });
  auto port = require_value(elsewhere.middleman().publish(occupant, 0, "127.0.0.1"));
  auto cfg = with.config(in);
  cfg.inspect_port = port;
  event_source<> source{with.system, cfg};
  source.on_default([](context<>&, const record&) { return complete; });
  auto err = source.start();
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Contains("keyloom.inspect.port") && Contains(std::to_string(port)));

  // Another source keeps the inspector, which must not take the port for published.
  event_source<> neighbour{with.system, with.config(in)};
  neighbour.on_default([](context<>&, const record&) { return complete; });
  require_ok(neighbour.start());
  CHECK(source.start() == errc::bad_config);
  elsewhere.middleman().unpublish(occupant, port);
  caf::anon_send(occupant, 1);
  require_ok(source.start());
  CHECK(client{port}.look().sources.size() == 2);
  source.stop();
  neighbour.stop();
}
