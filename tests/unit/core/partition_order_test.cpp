// When handlers run, and in what order what they sent leaves, for each output_order and each kind
// of key_turns.
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using values = std::vector<std::string>;
using offsets = std::vector<int64_t>;

/// Every event sends one output, its offset: in the handler when the record's value is empty,
/// otherwise in the finalizer of a job for the key that the value names.
struct order_rig : fakes::partition_rig {
  offsets handled;
  values processed; ///< payloads, in the order the processors saw them

  explicit order_rig(output_order order = output_order::by_key,
                     key_turns turns = key_turns::automatic) {
    source->config.output_order = order;
    source->config.key_turns = turns;
    auto send = [](context<>& ctx) {
      ctx.forward({.topic = "out", .value = std::to_string(ctx.offset())});
      return complete;
    };
    auto process = [this](std::string_view, std::string& job) {
      processed.push_back(job);
      return 1;
    };
    auto finish = [send](context<>& ctx, std::string_view, std::string&, caf::expected<int>) {
      return send(ctx);
    };
    auto work = fakes::add_stage<no_store, std::string, int>(*source, "work", blocking(process),
                                                             finish);
    on_default([this, send, work](context<>& ctx, const record& rec) {
      handled.push_back(rec.offset);
      if (!rec.has_value() || rec.value.empty())
        return send(ctx);
      return work.schedule(ctx, rec.value, std::to_string(rec.offset));
    });
  }
};

fakes::test_record rec(int64_t offset, std::optional<std::string> key, std::string job_key = {}) {
  return {offset, std::move(key), std::move(job_key)};
}

} // namespace

TEST_CASE("I7: by_key, an event is not released before the earlier ones of its key") {
  order_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "x"), rec(1, "a", "y"), rec(2, "a")}));
  CHECK(rig.outputs.values.empty());
  rig.answer_key("y");
  CHECK(rig.outputs.values.empty());
  rig.answer_key("x");
  CHECK(rig.outputs.values == values{"0", "1", "2"});
}

TEST_CASE("by_key, other keys and records without a key do not wait") {
  order_rig rig;
  rig.start();
  rig.take(fakes::make_batch(
    {rec(0, "a", "x"), rec(1, "b"), rec(2, std::nullopt, "y"), rec(3, std::nullopt)}));
  CHECK(rig.outputs.values == values{"1", "3"});
  rig.answer_key("y");
  CHECK(rig.outputs.values == values{"1", "3", "2"});
}

TEST_CASE("I7: by_key, the empty key is a key") {
  order_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "", "x"), rec(1, "")}));
  CHECK(rig.outputs.values.empty());
  rig.answer_all();
  CHECK(rig.outputs.values == values{"0", "1"});
}

TEST_CASE("I7: by_event, an event is not released before any earlier one") {
  order_rig rig{output_order::by_event};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "x"), rec(5, "b"), rec(9, std::nullopt)}));
  CHECK(rig.outputs.values.empty());
  rig.answer_all();
  CHECK(rig.outputs.values == values{"0", "5", "9"});
}

TEST_CASE("I7: by_event holds over the borders of batches") {
  order_rig rig{output_order::by_event};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "x")}));
  rig.take(fakes::make_batch({}, 3));
  rig.take(fakes::make_batch({rec(3, "b")}));
  CHECK(rig.outputs.values.empty());
  rig.answer_all();
  CHECK(rig.outputs.values == values{"0", "3"});
}

TEST_CASE("none: events are released as they complete, within a key, too") {
  order_rig rig{output_order::none};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "x"), rec(1, "a")}));
  CHECK(rig.outputs.values == values{"1"});
}

TEST_CASE("serial: the handler of a key's next event runs once the earlier one is complete") {
  order_rig rig{output_order::none, key_turns::serial};
  rig.start();
  rig.take(fakes::make_batch(
    {rec(0, "a", "x"), rec(1, "a", "x"), rec(2, "a"), rec(3, "b"), rec(4, std::nullopt)}));
  CHECK(rig.handled == offsets{0, 3, 4});
  rig.answer_all();
  CHECK(rig.handled == offsets{0, 3, 4, 1, 2});
}

TEST_CASE("serial: an event does not overtake those that wait, even when it comes in between") {
  order_rig rig{output_order::none, key_turns::serial};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "x"), rec(1, "a", "x")}));
  rig.take(fakes::make_batch({rec(2, "a")}));
  rig.answer_key("x");
  rig.take(fakes::make_batch({rec(3, "a")}));
  CHECK(rig.handled == offsets{0, 1});
  rig.answer_key("x");
  CHECK(rig.handled == offsets{0, 1, 2, 3});
}

TEST_CASE("automatic turns are interleaved without a store and serial with one") {
  for (auto with_store : {false, true}) {
    order_rig rig;
    if (with_store)
      rig.source->make_store = [](const std::string&, int32_t) { return std::make_shared<int>(); };
    rig.start();
    rig.take(fakes::make_batch({rec(0, "a", "x"), rec(1, "a")}));
    CHECK(rig.handled == (with_store ? offsets{0} : offsets{0, 1}));
  }
}

TEST_CASE("interleaved: a key with chain_limit held events waits until all of them are released") {
  order_rig rig;
  rig.source->config.chain_limit = 2;
  rig.start();
  rig.take(
    fakes::make_batch({rec(0, "a", "x"), rec(1, "a", "y"), rec(2, "a"), rec(3, "b"), rec(4, "a")}));
  CHECK(rig.handled == offsets{0, 1, 3});
  rig.answer_key("x");
  CHECK(rig.handled == offsets{0, 1, 3});
  rig.answer_key("y");
  CHECK(rig.handled == offsets{0, 1, 3, 2, 4});
  CHECK(rig.outputs.values == values{"3", "0", "1", "2", "4"});
}

TEST_CASE("interleaved: a new event does not overtake those that wait, though the chain has room") {
  order_rig rig;
  rig.source->config.chain_limit = 2;
  rig.start();
  rig.take(fakes::make_batch(
    {rec(0, "a", "x"), rec(1, "a", "x"), rec(2, "a", "y"), rec(3, "a", "z"), rec(4, "a")}));
  rig.answer_key("x");
  REQUIRE(rig.handled == offsets{0, 1, 2, 3});
  rig.answer_key("y");
  rig.take(fakes::make_batch({rec(5, "a")}));
  CHECK(rig.handled == offsets{0, 1, 2, 3});
  rig.answer_key("z");
  CHECK(rig.handled == offsets{0, 1, 2, 3, 4, 5});
}

TEST_CASE(
  "interleaved: a key whose first held event is older than chain_time waits until it is released") {
  order_rig rig;
  rig.source->config.chain_time = std::chrono::milliseconds{10};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "x")}));
  rig.clock.advance(std::chrono::milliseconds{9});
  rig.take(fakes::make_batch({rec(1, "a")}));
  CHECK(rig.handled == offsets{0, 1});
  rig.clock.advance(std::chrono::milliseconds{1});
  rig.take(fakes::make_batch({rec(2, "a")}));
  CHECK(rig.handled == offsets{0, 1});
  rig.answer_all();
  CHECK(rig.handled == offsets{0, 1, 2});
  CHECK(rig.outputs.values == values{"0", "1", "2"});
}

TEST_CASE("I3: jobs of a key are worked on in the order scheduled, whichever events they are of") {
  order_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "x"), rec(1, "b", "y"), rec(2, "c", "x")}));
  rig.take(fakes::make_batch({rec(3, "d", "x")}));
  rig.answer_key("x");
  CHECK(rig.processed == values{"0", "2", "3"});
  CHECK(rig.runs.violations.empty());
}

TEST_CASE(
  "I3: a key with jobs out keeps its slot over batches; once idle, another key may have it") {
  order_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "x"), rec(1, "b", "x"), rec(2, "c", "y")}));
  auto slot = rig.runs.slot_of(0, "x");
  CHECK(rig.runs.slot_of(0, "y") != slot);
  rig.answer({0, slot}, 1);
  CHECK(rig.runs.idle == 0);
  rig.take(fakes::make_batch({rec(3, "d", "x")}));
  CHECK(rig.runs.keys_at({0, slot}) == values{"x", "x"});
  rig.answer({0, slot});
  CHECK(rig.runs.idle == 1);
  rig.take(fakes::make_batch({rec(4, "e", "z")}));
  CHECK(rig.runs.slot_of(0, "z") == slot);
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("jobs of one batch and key leave as one run") {
  order_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "a", "x"), rec(1, "b", "y"), rec(2, "c", "x")}));
  CHECK(rig.runs.sent == 2);
}

TEST_CASE("a record's handler is chosen by its type; those without go to the untyped route, the "
          "rest to the default") {
  fakes::partition_rig rig;
  values seen;
  auto note = [&seen](std::string what) {
    return [&seen, what](detail::turn&, const record&) {
      seen.push_back(what);
      return complete;
    };
  };
  rig.source->routes.push_back({"leg", note("leg")});
  rig.source->routes.push_back({"plane", note("plane")});
  rig.source->untyped = note("untyped");
  rig.source->fallback = note("default");
  rig.start();
  auto batch = caf::make_counted<core::record_batch>("topic", 0);
  for (auto* type : {"plane", "leg", "", "ship"}) {
    batch->add("k", "v", static_cast<int64_t>(batch->records().size()), 0);
    if (*type != '\0')
      batch->add_header("type", type);
  }
  rig.take(batch);
  CHECK(seen == values{"plane", "leg", "untyped", "default"});
}
