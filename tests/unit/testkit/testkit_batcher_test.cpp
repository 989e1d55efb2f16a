// Batchers in the testkit: what a partition sees of a batcher, whose planning is tested in
// unit/core/batch_planner_test.
#include <keyloom/testkit.hpp>

#include "runtime/testkit/session.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using values = std::vector<std::string>;
using Catch::Matchers::Contains;

auto nothing = [](batch<std::string>&) {};

/// Every record adds its value, in parts at spaces, or nothing when it is empty; "x:y" is an item y
/// of key x. The values go to `out` when the callback has run, each with its error.
struct fixture {
  test_system system;
  event_source<> source;
  batcher_handle<std::string> write;
  int callbacks = 0;

  template <class Executor>
  explicit fixture(Executor executor,
                   const batcher_options& how = {.max_batch_size = 3, .accumulation_delay = 10ms},
                   source_config cfg = {})
    : source(system, named(std::move(cfg))),
      write(source.batcher<std::string>(
        "write", executor,
        [this](context<>& ctx, batch_items<std::string>& items) -> outcome {
          ++callbacks;
          for (auto& each : items)
            ctx.forward({.topic = "out",
                         .value = each.value + (each.error ? ": " + describe(each.error) : "")});
          return items.error() ? outcome{items.error()} : complete;
        },
        how)) {
    source.on_default([this](context<>& ctx, const record& rec) {
      auto items = write.items(ctx, rec.key);
      std::string_view rest = rec.value;
      while (!rest.empty()) {
        auto part = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
        if (auto colon = part.find(':'); colon != part.npos)
          items.add_with_key(part.substr(0, colon), part.substr(colon + 1));
        else
          items.add(part);
      }
      return incomplete;
    });
  }

  static source_config named(source_config cfg) {
    cfg.group = "g";
    cfg.topic = "t";
    return cfg;
  }
};

} // namespace

TEST_CASE("items of several partitions share a batch, and each event's callback runs once") {
  fixture with{blocking(nothing)};
  testkit kit{with.source, {.partitions = 2}};
  kit.feed({.key = "a", .value = "1 2"});
  auto write = kit.batcher<std::string>("write");
  CHECK(write.batches().empty());
  CHECK(write.waiting_items() == 2);
  kit.feed({.key = "b", .value = "3", .partition = 1});
  REQUIRE(write.batches().size() == 1);
  CHECK(write.next().values() == values{"1", "2", "3"});
  CHECK(write.next().keys() == values{"a", "a", "b"});
  CHECK(kit.values().empty());
  write.next().run();
  CHECK(kit.values() == values{"1", "2", "3"});
  CHECK(with.callbacks == 2);
  CHECK(kit.committable(0) == 1);
  CHECK(kit.committable(1) == 1);
}

TEST_CASE("a partial batch leaves when the delay has passed") {
  fixture with{blocking(nothing)};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  auto write = kit.batcher<std::string>("write");
  kit.advance(9ms);
  CHECK(write.batches().empty());
  kit.advance(1ms);
  CHECK(write.next().values() == values{"1"});
}

TEST_CASE("I11: while a key's batch is executed its next events wait, and then share one") {
  fixture with{blocking(nothing), {.max_batch_size = 3, .accumulation_delay = 0ms}};
  testkit kit{with.source};
  auto write = kit.batcher<std::string>("write");
  for (auto* value : {"1", "2", "3"})
    kit.feed({.key = "a", .value = value});
  REQUIRE(write.batches().size() == 1);
  write.next().answer();
  CHECK(write.next().values() == values{"2", "3"});
}

TEST_CASE("batches are answered in any order; outputs of a key keep theirs") {
  fixture with{blocking(nothing), {.max_batch_size = 1, .accumulation_delay = 0ms}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1 2"});
  kit.feed({.key = "b", .value = "3"});
  auto write = kit.batcher<std::string>("write");
  REQUIRE(write.batches().size() == 2);
  write.batches()[1].answer();
  CHECK(kit.values() == values{"3"});
  write.next().answer();
  write.next().answer();
  CHECK(kit.values() == values{"3", "1", "2"});
}

TEST_CASE("an event without items waits behind its key, and then its callback runs") {
  fixture with{blocking(nothing), {.max_batch_size = 3, .accumulation_delay = 0ms}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.feed({.key = "a", .value = ""});
  CHECK(with.callbacks == 0);
  kit.feed({.key = "b", .value = ""});
  CHECK(with.callbacks == 1);
  kit.batcher<std::string>("write").next().run();
  CHECK(with.callbacks == 3);
}

TEST_CASE("items of several keys in one event: its callback runs after the last of them") {
  fixture with{blocking(nothing), {.max_batch_size = 1, .accumulation_delay = 0ms}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1 b:2"});
  auto write = kit.batcher<std::string>("write");
  REQUIRE(write.batches().size() == 2);
  CHECK(write.batches()[1].keys() == values{"b"});
  write.batches()[1].answer();
  CHECK(with.callbacks == 0);
  write.next().answer();
  CHECK(with.callbacks == 1);
}

TEST_CASE("an executor that throws fails the items of its batch, with the reason in each, and no "
          "others") {
  source_config cfg;
  cfg.on_error = failure_action::skip;
  fixture with{blocking([](batch<std::string>& items) {
                 for (auto& each : items)
                   if (each.value == "bad")
                     throw std::runtime_error("no such table");
               }),
               {.max_batch_size = 2, .accumulation_delay = 0ms},
               cfg};
  testkit kit{with.source};
  kit.feed_batch({{"a", "bad"}, {"b", "1"}, {"c", "2"}});
  kit.run();
  CHECK(kit.values() == values{"2"});
  REQUIRE(kit.skips().size() == 2);
  for (auto& each : kit.skips())
    CHECK_THAT(each, Contains("the executor of batcher 'write' threw: no such table")
                       && Contains("stage 'write'") && Contains("key '"));
}

TEST_CASE("an executor gives each item its own error; an error it returns is of the others") {
  std::map<std::string, std::string> errors;
  test_system system;
  event_source<> source{system, fixture::named({})};
  auto write = source.batcher<std::string>("write", blocking([](batch<std::string>& items) {
                                             items[0].error
                                               = caf::make_error(errc::processor_failed, "mine");
                                             return caf::make_error(errc::processor_failed, "ours");
                                           }),
                                           [&](context<>&, batch_items<std::string>& items) {
                                             for (auto& each : items)
                                               errors[each.value] = describe(each.error);
                                             return complete;
                                           },
                                           {.max_batch_size = 2});
  source.on_default([=](context<>& ctx, const record& rec) {
    return write.add(ctx, rec.key, std::string{rec.value}, "second");
  });
  testkit kit{source};
  kit.feed({.key = "a", .value = "first"});
  kit.run();
  CHECK(errors == std::map<std::string, std::string>{{"first", "mine"}, {"second", "ours"}});
}

TEST_CASE("user data of items and of their set reach executor and callback") {
  std::string seen;
  test_system system;
  event_source<> source{system, fixture::named({})};
  auto write
    = source.batcher<int>("write", blocking([](batch<int>& items) {
                            for (auto& each : items)
                              each.user_data = std::any_cast<int>(each.user_data) * each.value;
                          }),
                          [&](context<>&, batch_items<int>& items) {
                            seen = std::string{items.key()}
                                   + std::any_cast<std::string>(items.user_data())
                                   + std::to_string(std::any_cast<int>(items[0].user_data));
                            return complete;
                          },
                          {.accumulation_delay = 0ms});
  source.on_default([=](context<>& ctx, const record& rec) {
    auto items = write.items(ctx, rec.key);
    items.add(3);
    items[0].user_data = 7;
    items.user_data() = std::string{"-set-"};
    return incomplete;
  });
  testkit kit{source};
  kit.feed({.key = "a", .value = ""});
  kit.run();
  CHECK(seen == "a-set-21");
}

TEST_CASE("without a callback the event fails with the first error of its items") {
  test_system system;
  event_source<> source{system, fixture::named({})};
  auto write = source.batcher<int>("write", blocking([](batch<int>& items) {
                                     items[1].error = caf::make_error(errc::processor_failed,
                                                                      "refused");
                                   }),
                                   {.max_batch_size = 2});
  source.on_default(
    [=](context<>& ctx, const record& rec) { return write.add(ctx, rec.key, 1, 2); });
  testkit kit{source};
  kit.feed({.key = "a"});
  kit.run();
  CHECK_THAT(kit.stop_reason(), Contains("refused"));
}

TEST_CASE("a callback may schedule and add again") {
  test_system system;
  event_source<> source{system, fixture::named({})};
  std::optional<batcher_handle<int>> write;
  write = source.batcher<int>("write", blocking([](batch<int>&) {}),
                              [&](context<>& ctx, batch_items<int>& items) -> outcome {
                                return items[0].value == 3
                                         ? complete
                                         : write->add(ctx, items.key(), items[0].value + 1);
                              },
                              {.accumulation_delay = 0ms});
  source.on_default([&](context<>& ctx, const record& rec) { return write->add(ctx, rec.key, 0); });
  testkit kit{source};
  kit.feed({.key = "a"});
  kit.run();
  CHECK(kit.committable() == 1);
  CHECK(kit.state().batchers.at(0).batches == 4);
}

TEST_CASE("a partition that drains does not wait for the delay") {
  fixture with{blocking(nothing), {.max_batch_size = 9, .accumulation_delay = 1h}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.revoke();
  kit.batcher<std::string>("write").next().run();
  CHECK(kit.state(0) == lifecycle::unassigned);
  CHECK(kit.committed() == 1);
}

TEST_CASE("I6: of a partition that is lost nothing is called back, other partitions' items in the "
          "same batch are, and its next assignment waits for the batch") {
  fixture with{blocking(nothing), {.max_batch_size = 2, .accumulation_delay = 1h}};
  testkit kit{with.source, {.partitions = 2}};
  kit.feed({.key = "a", .value = "1"});
  kit.feed({.key = "b", .value = "2", .partition = 1});
  kit.feed({.key = "c", .value = "3"});
  auto write = kit.batcher<std::string>("write");
  auto running = write.next();
  kit.lose(0);
  CHECK(write.waiting_items() == 0); // c had not begun
  kit.assign(0);
  CHECK(kit.state().partitions.at(0).in_flight == 0); // I3: not before the batch is over
  running.answer();
  CHECK(kit.values() == values{"2"});
  CHECK(kit.state().partitions.at(0).in_flight == 2); // both come again
  CHECK(write.next().values() == values{"1", "3"});
}

TEST_CASE("what events have added is counted in the byte budget until it is called back") {
  test_system system;
  event_source<> source{system, fixture::named({})};
  auto write = source.batcher<std::string>("write", blocking(nothing), {.accumulation_delay = 0ms});
  source.on_default([=](context<>& ctx, const record& rec) {
    return write.add(ctx, rec.key, std::string(10'000, 'x'));
  });
  testkit kit{source};
  auto budget = std::make_shared<core::byte_budget>(1 << 20);
  auto& meter = kit.internals().seat_of(0).now->meter();
  meter.account = budget->open();
  kit.feed({.key = "a"});
  CHECK(budget->held() >= 10'000);
  kit.run();
  CHECK(budget->held() < 10'000);
}

TEST_CASE("max_bytes limits a batch by what byte_size says of its items") {
  fixture with{blocking(nothing), {.max_batch_size = 9, .accumulation_delay = 1h, .max_bytes = 10}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "12345 67890 abc"});
  CHECK(kit.batcher<std::string>("write").next().values() == values{"12345", "67890"});
}

TEST_CASE("I10: an event whose items wait in a batcher says in which") {
  fixture with{blocking(nothing), {.max_batch_size = 9, .accumulation_delay = 1h}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  auto& core = kit.internals().seat_of(0).now->core();
  CHECK(core.oldest_event()->waits_for
        == "its items in batcher 'write', for which no batch has "
           "begun");
  kit.advance(1h);
  CHECK(core.oldest_event()->waits_for
        == "its items in batcher 'write', of which a batch is being "
           "executed");
}

TEST_CASE("after a crash batches are gone, and what they held comes again") {
  fixture with{blocking(nothing), {.max_batch_size = 1, .accumulation_delay = 0ms}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  auto write = kit.batcher<std::string>("write");
  auto before = write.next();
  kit.crash();
  kit.restart();
  CHECK_THROWS_AS(before.answer(), testkit_error);
  write.next().run();
  CHECK(kit.values() == values{"1"});
}

TEST_CASE("options that let nothing through are refused, with the batcher's name") {
  auto refused = [](const batcher_options& how) -> std::string {
    fixture with{blocking(nothing), how};
    try {
      testkit const kit{with.source};
    } catch (const testkit_error& err) {
      return err.what();
    }
    return {};
  };
  CHECK_THAT(refused({.max_batch_size = 0}), Contains("batcher 'write': max_batch_size 0"));
  CHECK_THAT(refused({.max_concurrent_batches = 0}), Contains("max_concurrent_batches 0"));
  CHECK_THAT(refused({.accumulation_delay = -1ms}), Contains("accumulation_delay -1 ms"));
}
