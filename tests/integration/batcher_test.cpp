// Batchers in a running source: with a blocking function and with handler actors, across
// partitions, while partitions come and go, and at a stop.
#include "tests/integration/footprint.hpp"
#include "tests/integration/held_calls.hpp"
#include "tests/integration/source_fixture.hpp"
#include "tests/integration/test_messages.hpp"

#include <keyloom/handler_actor.hpp>

#include <caf/actor_ostream.hpp>

#include <catch2/catch.hpp>

#include <set>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

constexpr int records = 2000;
constexpr int keys = 20;

void wait_until_out(const event_source<>& source, uint64_t count) {
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    return source.state().out == count || !source.state().errors.empty();
  }));
}

/// Each record adds its value; the callback forwards it, with its error when it has one.
batcher_handle<std::string> forward_all(event_source<>& source, auto executor,
                                        const std::string& out, const batcher_options& how) {
  auto write = source.batcher<std::string>(
    "write", std::move(executor),
    [out](context<>& ctx, batch_items<std::string>& items) {
      for (auto& each : items)
        ctx.forward({.topic = out,
                     .key = std::string{ctx.input().key},
                     .value = each.error ? describe(each.error) : each.value});
      return complete;
    },
    how);
  source.on_default([write](context<>& ctx, const record& rec) {
    return write.add(ctx, rec.key, std::string{rec.value});
  });
  return write;
}

void check_in_order(const std::map<std::string, std::vector<std::string>>& seen) {
  CHECK(seen.size() == keys);
  for (auto& [key, values] : seen) {
    INFO("key " << key);
    REQUIRE(values.size() == records / keys);
    for (size_t i = 0; i < values.size(); ++i)
      CHECK(values[i] == std::to_string(i));
  }
}

/// Notes what should not be: a key in two executions at once, a batch that is too large.
class execution_watch {
public:
  void execute(batch<std::string>& items, size_t most) {
    std::set<std::string> mine;
    for (auto& each : items)
      mine.insert(std::string{each.key});
    begin(mine, items.size() <= most);
    std::this_thread::yield(); // so that others may begin
    end(mine);
  }

  bool ok() const { return ok_; }
  int most_at_once() const { return most_; }

private:
  void begin(const std::set<std::string>& mine, bool ok) {
    std::lock_guard guard{mutex_};
    ok_ = ok_ && ok;
    for (auto& key : mine)
      ok_ = ok_ && running_.insert(key).second;
    most_ = std::max(most_, ++at_once_);
  }

  void end(const std::set<std::string>& mine) {
    std::lock_guard guard{mutex_};
    --at_once_;
    for (auto& key : mine)
      running_.erase(key);
  }

  mutable std::mutex mutex_;
  std::set<std::string> running_; // guarded by mutex_, as all below
  int at_once_ = 0;
  int most_ = 0;
  bool ok_ = true;
};

using writer = caf::typed_actor<caf::result<batch_errors>(std::string, std::vector<std::string>)>;

} // namespace

TEST_CASE("I11: records of several partitions and keys pass a batcher in key order, a key in one "
          "batch at a time") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(4);
    auto out = broker.new_topic(4);
    send(broker, keyed(in, records, keys));
    execution_watch watch;
    auto before = footprint::of(with.system);
    {
      event_source<> source{with.system, with.config(in)};
      forward_all(source, blocking([&](batch<std::string>& items) { watch.execute(items, 7); }),
                  out,
                  {.max_batch_size = 7, .max_concurrent_batches = 4, .accumulation_delay = 1ms});
      require_ok(source.start());
      wait_until_out(source, records);
      auto state = source.state().batchers.at(0);
      CHECK(state.name == "write");
      CHECK(state.items == records);
      CHECK(state.largest <= 7);
      CHECK(state.batches >= records / 7);
      CHECK(source.state().stages.empty());
      source.stop();
      CHECK(source.state().errors.empty());
    }
    CHECK(watch.ok());
    CHECK(watch.most_at_once() <= 4);
    check_in_order(by_key(with.read_back(out, records)));
    INFO("I9, actors before: " << before);
    CHECK(eventually([&] { return footprint::of(with.system).actors == before.actors; }));
  });
}

TEST_CASE("a typed handler actor executes batches; each item gets its own error") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    auto out = broker.new_topic(2);
    send(broker, keyed(in, 100, 10));
    event_source<> source{with.system, with.config(in)};
    forward_all(source, shared_actor([](caf::actor_system& sys) {
                  return sys.spawn([]() -> writer::behavior_type {
                    return {[](const std::string& name, const std::vector<std::string>& items) {
                      batch_errors result;
                      for (auto& each : items)
                        result.of_items.push_back(
                          each == "5" ? caf::make_error(errc::processor_failed, name + " refused 5")
                                      : caf::error{});
                      return result;
                    }};
                  });
                }),
                out, {.max_batch_size = 7});
    require_ok(source.start());
    wait_until_out(source, 100);
    source.stop();
    CHECK(source.state().errors.empty());
    for (auto& [key, values] : by_key(with.read_back(out, 100))) {
      REQUIRE(values.size() == 10);
      for (size_t i = 0; i < values.size(); ++i)
        CHECK(values[i] == (i == 5 ? "write refused 5" : std::to_string(i)));
    }
  });
}

TEST_CASE("a dynamically typed handler actor that dies fails the items of its batch, and is made "
          "again") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    caf::actor_ostream::redirect_all(with.system, "/dev/null"); // it throws on purpose
    auto in = broker.new_topic(2);
    auto out = broker.new_topic(2);
    send(broker, keyed(in, 100, 10));
    event_source<> source{with.system, with.config(in)};
    forward_all(source,
                actor_pool(2,
                           [](caf::actor_system& sys) {
                             return sys.spawn([]() -> caf::behavior {
                               return {
                                 [](const std::string&, const std::vector<std::string>& items) {
                                   for (auto& each : items)
                                     if (each == "5")
                                       throw std::runtime_error("a bad item");
                                   return batch_errors{};
                                 }};
                             });
                           }),
                out, {.max_batch_size = 1, .max_concurrent_batches = 4});
    require_ok(source.start());
    wait_until_out(source, 100);
    CHECK(source.state().batchers.at(0).actors_made > 2);
    source.stop();
    CHECK(source.state().errors.empty());
    for (auto& [key, values] : by_key(with.read_back(out, 100))) {
      REQUIRE(values.size() == 10);
      for (size_t i = 0; i < values.size(); ++i)
        if (i == 5)
          CHECK_THAT(values[i], Contains("the handler actor of batcher 'write' died"));
        else
          CHECK(values[i] == std::to_string(i));
    }
  });
}

TEST_CASE("a handler actor that answers another type fails its items with a clear error") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  auto out = broker.new_topic(1);
  send(broker, keyed(in, 1, 1));
  event_source<> source{with.system, with.config(in)};
  forward_all(source, shared_actor([](caf::actor_system& sys) {
                return sys.spawn([]() -> caf::behavior {
                  return {[](const std::string&, const std::vector<std::string>&) { return 1; }};
                });
              }),
              out, {});
  require_ok(source.start());
  wait_until_out(source, 1);
  source.stop();
  CHECK_THAT(std::string{with.read_back(out, 1).at(0).value},
             Contains("does not answer keyloom::batch_errors"));
}

TEST_CASE("I6: a batch that outlives a hand-over changes nothing of the partition that moved, and "
          "completes the others'") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    auto out = broker.new_topic(2);
    send(broker, {{.topic = in, .key = "p0", .value = "0", .partition = 0},
                  {.topic = in, .key = "p1", .value = "1", .partition = 1}});
    held_calls calls;
    auto cfg = with.config(in);
    cfg.drain_deadline = 50ms;
    event_source<> source{with.system, cfg};
    forward_all(source, blocking([&](batch<std::string>& items) {
                  calls.call(items.size() == 2 ? "both" : items[0].key);
                }),
                out, {.max_batch_size = 2, .max_concurrent_batches = 4, .accumulation_delay = 1h});
    require_ok(source.start());
    REQUIRE(calls.has_begun("both", 1, patience));
    auto other = std::make_unique<member>(broker.consumer_config(with.group), in);
    REQUIRE(other->owns(1));
    auto moved = other->owned.begin()->partition;
    REQUIRE(other->receives(1)); // it was not drained, so it comes again
    calls.let_go();
    REQUIRE(eventually([&] { return source.state().out == 1; }));
    auto seen = with.read_back(out, 1);
    CHECK(seen.at(0).key == (moved == 0 ? "p1" : "p0"));
    source.stop();
    CHECK(with.committed(in)[static_cast<size_t>(moved)] <= 0);
    CHECK(with.committed(in)[static_cast<size_t>(1 - moved)] == 1);
  });
}

TEST_CASE("a stop does not wait for the delay, and commits what was added") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  auto out = broker.new_topic(1);
  send(broker, keyed(in, 3, 3));
  event_source<> source{with.system, with.config(in)};
  forward_all(source, blocking([](batch<std::string>&) {}), out,
              {.max_batch_size = 9, .accumulation_delay = 1h});
  require_ok(source.start());
  REQUIRE(eventually([&] { return source.state().batchers.at(0).waiting_items == 3; }));
  source.stop();
  CHECK(source.state().errors.empty());
  CHECK(with.committed(in) == std::vector<int64_t>{3});
}

TEST_CASE("I10: an event that stands still in a batcher says in which") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  auto out = broker.new_topic(1);
  send(broker, keyed(in, 1, 1));
  held_calls calls;
  auto cfg = with.config(in);
  cfg.stall_warning = 200ms;
  event_source<> source{with.system, cfg};
  forward_all(source, blocking([&](batch<std::string>& items) { calls.call(items[0].key); }), out,
              {.accumulation_delay = 0ms});
  require_ok(source.start());
  std::string stall;
  REQUIRE(eventually([&] {
    auto state = source.state();
    stall = state.partitions.empty() ? "" : state.partitions[0].stall;
    return !stall.empty();
  }));
  CHECK_THAT(stall, Contains("waits for its items in batcher 'write', of which a batch is being "
                             "executed"));
  calls.let_go();
  source.stop();
}

TEST_CASE(
  "several events of a key share batches with interleaved turns, and never with serial ones") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  auto out = broker.new_topic(1);
  send(broker, keyed(in, 50, 1));
  auto cfg = with.config(in);
  auto serial = GENERATE(false, true);
  cfg.key_turns = serial ? key_turns::serial : key_turns::interleaved;
  event_source<> source{with.system, cfg};
  forward_all(source, blocking([](batch<std::string>&) {}), out,
              {.max_batch_size = 50, .accumulation_delay = serial ? 0ms : 1h});
  require_ok(source.start());
  wait_until_out(source, 50);
  CHECK(source.state().batchers.at(0).largest == (serial ? 1 : 50));
  source.stop();
}
