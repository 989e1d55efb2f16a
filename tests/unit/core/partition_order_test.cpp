// When handlers run, and in what order what they sent leaves, for each output_order and each kind
// of key_turns.
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using values = std::vector<std::string>;
using offsets = std::vector<int64_t>;

/// Every event sends one output, its offset: in the handler when the record's value is empty,
/// otherwise in the finalizer of a job for the key that the value names.
template <class Store = no_store>
struct order_rig : fakes::kit_rig<Store> {
  offsets handled;
  values processed; ///< payloads, in the order the processors saw them

  template <class... Factory>
  explicit order_rig(source_config cfg = {}, Factory... make_store)
    : fakes::kit_rig<Store>(std::move(cfg), make_store...) {
    auto send = [](context<Store>& ctx) {
      ctx.forward({.topic = "out", .value = std::to_string(ctx.offset())});
      return complete;
    };
    auto process = [this](std::string_view, std::string& job) {
      processed.push_back(job);
      return 1;
    };
    auto finish = [send](context<Store>& ctx, std::string_view, std::string&, caf::expected<int>) {
      return send(ctx);
    };
    auto stage = this->source.template stage<std::string, int>("work", blocking(process), finish);
    this->source.on_default([this, send, stage](context<Store>& ctx, const record& rec) {
      handled.push_back(rec.offset);
      if (!rec.has_value() || rec.value.empty())
        return send(ctx);
      return stage.schedule(ctx, rec.value, std::to_string(rec.offset));
    });
    this->start();
  }

  void take(std::vector<test_record> records) { this->kit->feed_batch(std::move(records)); }
  test_stage<std::string, int> work() {
    return this->kit->template stage<std::string, int>("work");
  }
  void answer(const std::string& key) { this->answer_key(work(), key); }
  values sent() { return this->kit->values(); }
};

test_record rec(int64_t offset, std::optional<std::string> key, std::string job_key = {}) {
  return {.key = std::move(key), .value = std::move(job_key), .offset = offset};
}

} // namespace

TEST_CASE("I7: by_key, an event is not released before the earlier ones of its key") {
  order_rig rig;
  rig.take({rec(0, "a", "x"), rec(1, "a", "y"), rec(2, "a")});
  CHECK(rig.sent().empty());
  rig.answer("y");
  CHECK(rig.sent().empty());
  rig.answer("x");
  CHECK(rig.sent() == values{"0", "1", "2"});
}

TEST_CASE("by_key, other keys and records without a key do not wait") {
  order_rig rig;
  rig.take({rec(0, "a", "x"), rec(1, "b"), rec(2, std::nullopt, "y"), rec(3, std::nullopt)});
  CHECK(rig.sent() == values{"1", "3"});
  rig.answer("y");
  CHECK(rig.sent() == values{"1", "3", "2"});
}

TEST_CASE("I7: by_key, the empty key is a key") {
  order_rig rig;
  rig.take({rec(0, "", "x"), rec(1, "")});
  CHECK(rig.sent().empty());
  rig.kit->run();
  CHECK(rig.sent() == values{"0", "1"});
}

TEST_CASE("I7: by_event, an event is not released before any earlier one") {
  order_rig rig{{.output_order = output_order::by_event}};
  rig.take({rec(0, "a", "x"), rec(5, "b"), rec(9, std::nullopt)});
  CHECK(rig.sent().empty());
  rig.kit->run();
  CHECK(rig.sent() == values{"0", "5", "9"});
}

TEST_CASE("I7: by_event holds over the borders of batches") {
  order_rig rig{{.output_order = output_order::by_event}};
  rig.take({rec(0, "a", "x")});
  rig.kit->feed_hole(2);
  rig.take({rec(3, "b")});
  CHECK(rig.sent().empty());
  rig.kit->run();
  CHECK(rig.sent() == values{"0", "3"});
}

TEST_CASE("none: events are released as they complete, within a key, too") {
  order_rig rig{{.output_order = output_order::none}};
  rig.take({rec(0, "a", "x"), rec(1, "a")});
  CHECK(rig.sent() == values{"1"});
}

TEST_CASE("serial: the handler of a key's next event runs once the earlier one is complete") {
  order_rig rig{{.output_order = output_order::none, .key_turns = key_turns::serial}};
  rig.take({rec(0, "a", "x"), rec(1, "a", "x"), rec(2, "a"), rec(3, "b"), rec(4, std::nullopt)});
  CHECK(rig.handled == offsets{0, 3, 4});
  rig.kit->run();
  CHECK(rig.handled == offsets{0, 3, 4, 1, 2});
}

TEST_CASE("serial: an event does not overtake those that wait, even when it comes in between") {
  order_rig rig{{.output_order = output_order::none, .key_turns = key_turns::serial}};
  rig.take({rec(0, "a", "x"), rec(1, "a", "x")});
  rig.take({rec(2, "a")});
  rig.work().next().run();
  rig.take({rec(3, "a")});
  CHECK(rig.handled == offsets{0, 1});
  rig.work().next().run();
  CHECK(rig.handled == offsets{0, 1, 2, 3});
}

TEST_CASE("automatic turns are interleaved without a store and serial with one") {
  order_rig without;
  without.take({rec(0, "a", "x"), rec(1, "a")});
  CHECK(without.handled == offsets{0, 1});
  order_rig<int> with{{}, [] { return 0; }};
  with.take({rec(0, "a", "x"), rec(1, "a")});
  CHECK(with.handled == offsets{0});
}

TEST_CASE("interleaved: a key with chain_limit held events waits until all of them are released") {
  order_rig rig{{.chain_limit = 2}};
  rig.take({rec(0, "a", "x"), rec(1, "a", "y"), rec(2, "a"), rec(3, "b"), rec(4, "a")});
  CHECK(rig.handled == offsets{0, 1, 3});
  rig.answer("x");
  CHECK(rig.handled == offsets{0, 1, 3});
  rig.answer("y");
  CHECK(rig.handled == offsets{0, 1, 3, 2, 4});
  CHECK(rig.sent() == values{"3", "0", "1", "2", "4"});
}

TEST_CASE("interleaved: a new event does not overtake those that wait, though the chain has room") {
  order_rig rig{{.chain_limit = 2}};
  rig.take({rec(0, "a", "x"), rec(1, "a", "x"), rec(2, "a", "y"), rec(3, "a", "z"), rec(4, "a")});
  rig.answer("x");
  REQUIRE(rig.handled == offsets{0, 1, 2, 3});
  rig.answer("y");
  rig.take({rec(5, "a")});
  CHECK(rig.handled == offsets{0, 1, 2, 3});
  rig.answer("z");
  CHECK(rig.handled == offsets{0, 1, 2, 3, 4, 5});
}

TEST_CASE(
  "interleaved: a key whose first held event is older than chain_time waits until it is released") {
  order_rig rig{{.chain_time = 10ms}};
  rig.take({rec(0, "a", "x")});
  rig.kit->advance(9ms);
  rig.take({rec(1, "a")});
  CHECK(rig.handled == offsets{0, 1});
  rig.kit->advance(1ms);
  rig.take({rec(2, "a")});
  CHECK(rig.handled == offsets{0, 1});
  rig.kit->run();
  CHECK(rig.handled == offsets{0, 1, 2});
  CHECK(rig.sent() == values{"0", "1", "2"});
}

TEST_CASE("I3: jobs of a key are worked on in the order scheduled, whichever events they are of") {
  order_rig rig;
  rig.take({rec(0, "a", "x"), rec(1, "b", "y"), rec(2, "c", "x")});
  rig.take({rec(3, "d", "x")});
  rig.answer("x");
  CHECK(rig.processed == values{"0", "2", "3"});
}

TEST_CASE("I3: a key with jobs out keeps its slot over batches; once idle, its slot is free") {
  order_rig rig;
  rig.take({rec(0, "a", "x"), rec(1, "b", "x"), rec(2, "c", "y")});
  CHECK(rig.desk().places() == 2);
  rig.work().next("x").run();
  CHECK(rig.desk().slots_idle() == 0);
  rig.take({rec(3, "d", "x")});
  CHECK(rig.desk().places() == 2);
  CHECK(rig.work().keys() == values{"x", "y"});
  rig.answer("x");
  CHECK(rig.desk().slots_idle() == 1);
}

TEST_CASE("jobs of one batch and key leave as one run") {
  order_rig rig;
  rig.take({rec(0, "a", "x"), rec(1, "b", "y"), rec(2, "c", "x")});
  CHECK(rig.desk().runs_sent() == 2);
}

TEST_CASE("a record's handler is chosen by its type; those without go to the untyped route, the "
          "rest to the default") {
  fakes::kit_rig rig;
  values seen;
  auto note = [&seen](std::string what) {
    return [&seen, what](context<>&, const std::string&) {
      seen.push_back(what);
      return complete;
    };
  };
  rig.source.on<std::string>("leg", text{}, note("leg"));
  rig.source.on<std::string>("plane", text{}, note("plane"));
  rig.source.on<std::string>(text{}, note("untyped"));
  rig.source.on_default([&seen](context<>&, const record&) {
    seen.emplace_back("default");
    return complete;
  });
  rig.start();
  for (auto* type : {"plane", "leg", "", "ship"})
    rig.kit->feed({.key = "k", .value = "v", .type = type});
  CHECK(seen == values{"plane", "leg", "untyped", "default"});
}
