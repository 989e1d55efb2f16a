// What becomes of items that failed, in a source with a failure policy.
#include <keyloom/testkit.hpp>

#include "runtime/testkit/session.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using values = std::vector<std::string>;
using Catch::Matchers::Contains;

/// Every record adds its value, in parts at spaces. The callback forwards the values with their
/// errors, and returns the first error.
struct fixture {
  test_system system;
  event_source<> source;
  batcher_handle<std::string> write;
  int callbacks = 0;

  explicit fixture(const batcher_options& how, source_config cfg)
    : source(system, named(std::move(cfg))),
      write(source.batcher<std::string>(
        "write", blocking([](batch<std::string>&) {}),
        [this](context<>& ctx, batch_items<std::string>& items) -> outcome {
          ++callbacks;
          for (auto& each : items)
            ctx.forward({.topic = "out", .value = each.error ? "failed" : each.value});
          return items.error() ? outcome{items.error()} : complete;
        },
        how)) {
    source.on_default([this](context<>& ctx, const record& rec) {
      auto items = write.items(ctx, rec.key);
      std::string_view rest = rec.value;
      while (!rest.empty()) {
        auto part = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
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

caf::error refusal() {
  return caf::make_error(errc::processor_failed, "refused");
}

/// Without jitter, so that it is known when.
retry_policy twice() {
  return {.times = 2, .backoff = 100ms, .jitter = 0};
}

} // namespace

TEST_CASE("an item that failed is executed again by the source's policy, alone; the callback runs "
          "once, with the last result") {
  fixture with{{.max_batch_size = 3, .accumulation_delay = 0ms}, {.retry = twice()}};
  testkit kit{with.source};
  auto write = kit.batcher<std::string>("write");
  kit.feed({.key = "a", .value = "1 2 3"});
  write.next().items()[1].error = refusal();
  write.next().answer();
  CHECK(with.callbacks == 0);
  CHECK(write.batches().empty());
  CHECK(kit.state().parked == 1);
  kit.advance(99ms);
  CHECK(write.batches().empty());
  kit.advance(1ms);
  CHECK(write.next().values() == values{"2"});
  CHECK(kit.state().retries == 1);
  write.next().answer();
  CHECK(with.callbacks == 1);
  CHECK(kit.values("out") == values{"1", "2", "3"});
  CHECK(kit.committable() == 1);
}

TEST_CASE("I3: while an item waits to be executed again its key waits, other keys go on") {
  fixture with{{.max_batch_size = 1, .accumulation_delay = 0ms}, {.retry = twice()}};
  testkit kit{with.source};
  auto write = kit.batcher<std::string>("write");
  kit.feed({.key = "a", .value = "1"});
  write.next().fail(refusal());
  kit.feed({.key = "a", .value = "2"});
  CHECK(write.batches().empty());
  kit.feed({.key = "b", .value = "3"});
  CHECK(write.next().values() == values{"3"});
  write.next().answer();
  kit.advance(100ms);
  REQUIRE(write.batches().size() == 1);
  CHECK(write.next().values() == values{"1"});
  kit.run();
  CHECK(kit.values("out") == values{"3", "1", "2"});
}

TEST_CASE("I12: what failed for good in a batcher becomes a dead letter that says where and how "
          "often; the record is out with it") {
  fixture with{{.max_batch_size = 2, .accumulation_delay = 0ms, .retry = twice()},
               {.on_error = failure_action::dead_letter, .dead_letter_topic = "dead"}};
  testkit kit{with.source};
  auto write = kit.batcher<std::string>("write");
  kit.feed_batch({{"a", "1"}, {"b", "2"}});
  write.next().items()[0].error = refusal();
  write.next().answer();
  CHECK(kit.committable() == 0);
  for (auto wait : {100ms, 200ms}) {
    kit.advance(wait);
    CHECK(write.next().values() == values{"1"});
    write.next().fail(refusal());
  }
  CHECK(kit.values("dead") == values{"1"});
  CHECK(kit.values("out") == values{"2"});
  CHECK(kit.committable() == 2);
  CHECK(kit.state().dead_lettered == 1);
  auto headers = kit.outputs().back().headers;
  auto header = [&](const std::string& name) {
    for (auto& each : headers)
      if (each.name == "keyloom.dead-letter." + name)
        return each.value.value_or("(null)");
    return std::string{"(none)"};
  };
  CHECK(header("stage") == "write");
  CHECK(header("attempts") == "3");
  CHECK_THAT(header("error"), Contains("refused"));
}

TEST_CASE("a batcher's own policy goes before the source's; one that allows none tries nothing "
          "again") {
  fixture with{
    {.accumulation_delay = 0ms, .retry = retry_policy{}, .on_error = failure_action::skip},
    {.retry = twice()}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.batcher<std::string>("write").next().fail(refusal());
  CHECK(with.callbacks == 1);
  CHECK(kit.skips().size() == 1);
  CHECK(kit.committable() == 1);
}

TEST_CASE("an error that would come again for sure is not tried again") {
  fixture with{{.accumulation_delay = 0ms}, {.retry = twice()}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.batcher<std::string>("write").next().fail(caf::make_error(errc::wrong_result_type, "no"));
  CHECK(with.callbacks == 1);
}

TEST_CASE("a hand-over does not wait for what is to be executed again; its next owner gets it, in "
          "order") {
  fixture with{{.max_batch_size = 1, .accumulation_delay = 0ms},
               {.retry = {.times = 9, .backoff = 1min, .jitter = 0}}};
  testkit kit{with.source};
  auto write = kit.batcher<std::string>("write");
  kit.feed_batch({{"a", "1"}, {"a", "2"}, {"b", "3"}});
  auto both = write.batches();
  REQUIRE(both.size() == 2);
  both[0].fail(refusal());
  kit.revoke();
  CHECK(kit.state(0) == lifecycle::draining); // b is being executed
  both[1].answer();
  CHECK(kit.state(0) == lifecycle::unassigned);
  CHECK(kit.committed() == 0);
  kit.assign(0);
  REQUIRE(write.batches().size() == 1); // b is out, as the completion map says
  CHECK(write.next().values() == values{"1"});
  kit.run();
  CHECK(kit.values("out") == values{"3", "1", "2"});
}

TEST_CASE("I10: an event whose items are to be executed again says so") {
  fixture with{{.accumulation_delay = 0ms}, {.retry = twice()}};
  testkit kit{with.source};
  kit.feed({.key = "a", .value = "1"});
  kit.batcher<std::string>("write").next().fail(refusal());
  auto& core = kit.internals().seat_of(0).now->core();
  CHECK(core.oldest_event()->waits_for
        == "its items in batcher 'write', which failed and wait to be executed again");
}
