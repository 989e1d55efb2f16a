// What becomes of a turn, an event, a partition when something fails.
#include "tests/fakes/bomb.hpp"
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

struct ledger {
  int sum = 0;
  void apply(int change) { sum += change; }
};

/// Handlers do what the record's value says: words of `out`, `job:<what its finalizer does>`,
/// `fail`, `throw`, `pending`. A job whose finalizer shall `break` has a processor that throws.
struct failure_rig : fakes::kit_rig<> {
  values finalized;

  explicit failure_rig(failure_action on_error = failure_action::skip)
    : kit_rig({.on_error = on_error}) {
    auto processor = blocking([](std::string_view, std::string& job) -> caf::expected<int> {
      if (job == "break")
        throw std::runtime_error{"no table"};
      return 1;
    });
    auto finalizer = [this](context<>& ctx, std::string_view, std::string& job,
                            caf::expected<int> result) {
      finalized.push_back(job);
      return result ? turn(ctx, job) : outcome{result.error()};
    };
    work_ = source.stage<std::string, int>("work", processor, finalizer);
    source.on_default(
      [this](context<>& ctx, const record& rec) { return turn(ctx, std::string{rec.value}); });
    start();
  }

  void take(std::vector<test_record> records) { kit->feed_batch(std::move(records)); }
  bool stopped() { return kit->state(0) == lifecycle::stopped; }

private:
  outcome turn(context<>& ctx, const std::string& script) {
    auto result = complete;
    for (size_t at = 0; at < script.size();) {
      auto end = std::min(script.find(' ', at), script.size());
      auto word = script.substr(at, end - at);
      at = end + 1;
      if (word == "out")
        ctx.forward({.topic = "out", .value = std::to_string(ctx.offset())});
      else if (word.starts_with("job:"))
        result = work_->schedule(ctx, ctx.input().key, word.substr(4));
      else if (word == "fail")
        return {errc::decode_failed, "not a number"};
      else if (word == "throw")
        throw std::runtime_error{"out of cheese"};
      else if (word == "pending")
        result = incomplete;
    }
    return result;
  }

  std::optional<stage_handle<std::string>> work_;
};

test_record rec(int64_t offset, std::string value, std::optional<std::string> key = "k") {
  return {.key = std::move(key), .value = std::move(value), .offset = offset};
}

} // namespace

TEST_CASE("a handler that throws stops its partition with topic, partition, offset and key") {
  failure_rig rig{failure_action::stop_partition};
  rig.take({rec(7, "throw", "N1")});
  CHECK(rig.stopped());
  CHECK_THAT(rig.kit->stop_reason(), Contains("topic topic, partition 0, offset 7, key 'N1'"));
  CHECK_THAT(rig.kit->stop_reason(), Contains("out of cheese"));
  CHECK(rig.kit->state().errors == values{rig.kit->stop_reason()});
}

TEST_CASE("a failed record without a key is named as such") {
  failure_rig rig{failure_action::stop_partition};
  rig.take({rec(7, "fail", std::nullopt)});
  CHECK_THAT(rig.kit->stop_reason(), Contains("offset 7, no key: not a number"));
}

TEST_CASE("a processor's exception is the result its finalizer gets") {
  failure_rig rig;
  rig.take({rec(0, "job:break")});
  rig.kit->run();
  CHECK(rig.finalized == values{"break"});
  REQUIRE(rig.kit->skips().size() == 1);
  CHECK_THAT(rig.kit->skips()[0], Contains("key 'k', stage 'work': the processor threw: no table"));
}

TEST_CASE("a finalizer that throws stops its partition with stage and key") {
  failure_rig rig{failure_action::stop_partition};
  rig.take({rec(3, "job:throw")});
  rig.kit->run();
  CHECK(rig.stopped());
  CHECK_THAT(rig.kit->stop_reason(),
             Contains("offset 3, key 'k', stage 'work': the finalizer threw: out of cheese"));
}

TEST_CASE("a record no handler takes fails and names its type") {
  fakes::kit_rig rig;
  rig.source.on<std::string>("plane", text{},
                             [](context<>&, const std::string&) { return complete; });
  rig.start();
  rig.kit->feed({.key = "k", .value = "v", .type = "leg", .offset = 5});
  CHECK_THAT(rig.kit->stop_reason(), Contains("offset 5") && Contains("no handler for type 'leg'"));
}

TEST_CASE("I12: a failed event under skip is counted as skipped, once, and is out") {
  failure_rig rig;
  rig.take({rec(0, "fail"), rec(1, "job:fail"), rec(2, "")});
  rig.kit->run();
  CHECK(rig.kit->state().records == 3);
  CHECK(rig.kit->state().skipped == 2);
  CHECK(rig.kit->skips().size() == 2);
  CHECK(rig.kit->state().out == 3);
  CHECK(rig.kit->committable() == 3);
}

TEST_CASE("a failed turn's outputs and jobs are dropped") {
  failure_rig rig;
  rig.take({rec(0, "out job:out fail")});
  CHECK(rig.kit->pending() == 0);
  CHECK(rig.kit->values().empty());
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE(
  "a turn that returns incomplete with nothing pending fails, and its outputs are dropped") {
  failure_rig rig;
  rig.take({rec(0, "out pending")});
  REQUIRE(rig.kit->skips().size() == 1);
  CHECK_THAT(rig.kit->skips()[0], Contains("no job is pending"));
  CHECK(rig.kit->values().empty());
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("a finalizer may return incomplete while another job of its event is pending") {
  failure_rig rig;
  rig.take({rec(0, "job:pending job:out")});
  rig.kit->run();
  CHECK(rig.kit->skips().empty());
  CHECK(rig.kit->values() == values{"0"});
}

TEST_CASE("outputs of turns that ended well stay when a later turn is skipped") {
  failure_rig rig;
  rig.take({rec(4, "out job:fail")});
  rig.kit->run();
  CHECK(rig.kit->state().skipped == 1);
  CHECK(rig.kit->values() == values{"4"});
}

TEST_CASE("I5: a skipped event's other jobs get no finalizer") {
  failure_rig rig;
  rig.take({rec(0, "job:fail job:out")});
  rig.kit->run();
  CHECK(rig.finalized == values{"fail"});
  CHECK(rig.kit->values().empty());
  CHECK(rig.kit->committable() == 1);
}

TEST_CASE("I7: a skipped event keeps its place until its last job has come back") {
  failure_rig rig;
  rig.take({rec(0, "job:fail job:out"), rec(1, "out")});
  rig.kit->stage<std::string, int>("work").next().run();
  CHECK(rig.kit->state().skipped == 1);
  CHECK(rig.kit->committable() == 0);
  CHECK(rig.kit->values().empty());
  rig.kit->run();
  CHECK(rig.kit->values() == values{"1"});
}

TEST_CASE("a stopped partition calls no finalizer and takes nothing in") {
  failure_rig rig{failure_action::stop_partition};
  rig.take({rec(0, "job:out", "a")});
  auto job = rig.kit->stage<std::string, int>("work").next();
  job.begin();
  rig.take({rec(1, "fail", "b"), rec(2, "out", "c")});
  REQUIRE(rig.stopped());
  job.run();
  rig.take({rec(3, "out", "d")});
  CHECK(rig.finalized.empty());
  CHECK(rig.kit->values().empty());
  CHECK_FALSE(rig.meter().open);
  CHECK(rig.core().memory()->given_up());
  CHECK(rig.kit->committable() == 0);
}

TEST_CASE("a turn that fails after it changed the store stops the partition, even under skip") {
  fakes::kit_rig<ledger> rig{{.on_error = failure_action::skip}, [] { return ledger{}; }};
  rig.source.on_default([](context<ledger>& ctx, const record& rec) -> outcome {
    if (rec.value != "read")
      ctx.record_change(1);
    return rec.value == "good" ? complete : outcome{errc::decode_failed, "not a number"};
  });
  rig.start();
  rig.kit->feed_batch({rec(0, "good"), rec(1, "read")});
  CHECK(rig.kit->state(0) == lifecycle::active);
  rig.kit->feed(rec(2, "bad"));
  CHECK(rig.kit->state(0) == lifecycle::stopped);
  CHECK_THAT(rig.kit->stop_reason(), Contains("offset 2") && Contains("cannot undo"));
  CHECK(rig.kit->committable() == 2);
}

TEST_CASE("a store factory that throws stops the partition before it takes anything in") {
  fakes::kit_rig<ledger> rig{{}, []() -> ledger { throw std::runtime_error{"no disk"}; }};
  rig.source.on_default([](context<ledger>&, const record&) { return complete; });
  rig.start();
  CHECK(rig.kit->state(0) == lifecycle::stopped);
  CHECK_FALSE(rig.meter().open);
  CHECK_THAT(rig.kit->stop_reason(), Contains("topic topic, partition 0") && Contains("no disk"));
}

TEST_CASE("a store factory that throws something else stops the partition, too") {
  fakes::kit_rig<ledger> rig{{}, []() -> ledger { throw 42; }};
  rig.source.on_default([](context<ledger>&, const record&) { return complete; });
  rig.start();
  CHECK(rig.kit->state(0) == lifecycle::stopped);
}

TEST_CASE("an empty error of a processor is an error, not a success without a result") {
  fakes::kit_rig<> rig{{.on_error = failure_action::skip}};
  auto empty = compute([](std::string_view, int&) -> caf::expected<int> { return caf::error{}; });
  auto bare = rig.source.stage<int, int>("bare", empty);
  std::string told;
  auto work = rig.source.stage<int, int>(
    "work", empty, [&](context<>& ctx, std::string_view key, int& job, caf::expected<int> result) {
      told = describe(result.error());
      return bare.schedule(ctx, key, int{job});
    });
  rig.source.on_default(
    [=](context<>& ctx, const record& rec) -> outcome { return work.schedule(ctx, rec.key, 1); });
  rig.start();
  rig.kit->feed(rec(0, "a"));
  rig.kit->run();
  CHECK_THAT(told, Contains("empty error"));
  REQUIRE(rig.kit->skips().size() == 1);
  CHECK_THAT(rig.kit->skips().front(), Contains("stage 'bare'") && Contains("empty error"));
}

TEST_CASE("a message shows what can be read of a key, and of a long one its beginning") {
  fakes::kit_rig<> rig{{.on_error = failure_action::skip}};
  rig.source.on_default([](context<>&, const record&) -> outcome {
    return {errc::decode_failed, "bad"};
  });
  rig.start();
  auto umlauts = [](size_t count) {
    std::string result;
    while (count-- > 0)
      result += "\u00e4";
    return result;
  };
  auto shown = [&](const std::string& key) {
    rig.kit->feed({.key = key, .value = "x"});
    auto& skip = rig.kit->skips().back();
    auto first = skip.find("key ");
    return skip.substr(first, skip.rfind(": bad") - first);
  };
  CHECK(shown("N14228") == "key 'N14228'");
  CHECK(shown("") == "key ''");
  CHECK(shown(umlauts(50)) == "key '" + umlauts(50) + "'");
  CHECK(shown("x" + umlauts(60)) == "key 'x" + umlauts(49) + "'... (121 bytes)");
  CHECK(shown(std::string{"\0\xffk\n", 4}) == "key '\\x00\\xffk\\x0a'");
  CHECK(shown("a\xff\xc3") == "key 'a\\xff\\xc3'");
  CHECK(shown("\xed\xa0\x80|\xc0\xaf|\xf4\x90\x80\x80")
        == "key '\\xed\\xa0\\x80|\\xc0\\xaf|\\xf4\\x90\\x80\\x80'");
  CHECK(shown("\xc2\x9b"
              "1m\x7f")
        == "key '\\xc2\\x9b1m\\x7f'");
  CHECK(shown(std::string(1'000'000, 'k'))
        == "key '" + std::string(100, 'k') + "'... (1000000 bytes)");
}

TEST_CASE("a job that could not be moved into its stage is used for the next one") {
  fakes::kit_rig rig{{.on_error = failure_action::skip}};
  std::vector<const void*> jobs;
  auto work = rig.source.stage<fakes::bomb, int>(
    "work", blocking([](std::string_view, fakes::bomb&) { return 1; }),
    [&](context<>&, std::string_view, fakes::bomb& job, caf::expected<int>) {
      jobs.push_back(&job);
      return complete;
    });
  rig.source.on_default([&](context<>& ctx, const record& rec) {
    fakes::bomb::fuse = rec.value == "throw" ? 1 : 0;
    return work.schedule(ctx, rec.key, fakes::bomb{});
  });
  rig.start();
  for (auto* value : {"", "throw", "throw", ""}) {
    rig.kit->feed({.key = "k", .value = value});
    rig.kit->run();
  }
  CHECK(rig.kit->state().skipped == 2);
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0] == jobs[1]);
}

TEST_CASE("a job that got lost on its way back from its call fails its event, without finalizer "
          "and without being called again") {
  fakes::kit_rig rig{{.retry = {.times = 3}, .on_error = failure_action::skip}};
  auto finalized = 0;
  auto work = rig.source.stage<fakes::bomb, int>(
    "work", async([](std::string_view, fakes::bomb&, completion<int> done) {
      fakes::bomb::fuse = 1;
      done(1);
    }),
    [&](context<>&, std::string_view, fakes::bomb&, caf::expected<int>) {
      ++finalized;
      return complete;
    });
  rig.source.on_default(
    [&](context<>& ctx, const record& rec) { return work.schedule(ctx, rec.key, fakes::bomb{}); });
  rig.start();
  rig.kit->feed({.key = "k", .value = "v"});
  rig.kit->run();
  CHECK(finalized == 0);
  REQUIRE(rig.kit->skips().size() == 1);
  CHECK_THAT(rig.kit->skips()[0], Contains("stage 'work': moving the job or its result back"));
}
