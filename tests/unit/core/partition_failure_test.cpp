// What becomes of a turn, an event, a partition when something fails.
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using Catch::Matchers::Contains;

struct ledger {
  int sum = 0;
  void apply(int change) { sum += change; }
};

/// Handlers do what the record's value says: words of `out`, `job:<what its finalizer does>`,
/// `fail`, `throw`, `pending`. A job whose finalizer shall `break` has a processor that throws.
struct failure_rig : fakes::partition_rig {
  std::vector<std::string> finalized;

  explicit failure_rig(failure_action on_error = failure_action::skip) {
    source->config.on_error = on_error;
    source->config.output_order = output_order::by_key;
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
    work_ = fakes::add_stage<no_store, std::string, int>(*source, "work", processor, finalizer);
    on_default(
      [this](context<>& ctx, const record& rec) { return turn(ctx, std::string{rec.value}); });
  }

  static std::string offset_of(context<>& ctx) { return std::to_string(ctx.offset()); }

private:
  outcome turn(context<>& ctx, const std::string& script) {
    auto result = complete;
    for (size_t at = 0; at < script.size();) {
      auto end = std::min(script.find(' ', at), script.size());
      auto word = script.substr(at, end - at);
      at = end + 1;
      if (word == "out")
        ctx.forward({.topic = "out", .value = offset_of(ctx)});
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

fakes::test_record rec(int64_t offset, std::string value, std::optional<std::string> key = "k") {
  return {offset, std::move(key), std::move(value)};
}

} // namespace

TEST_CASE("a handler that throws stops its partition with topic, partition, offset and key") {
  failure_rig rig{failure_action::stop_partition};
  rig.start();
  rig.take(fakes::make_batch({rec(7, "throw", "N1")}));
  CHECK(rig.core->stopped());
  REQUIRE(rig.incidents.stops.size() == 1);
  CHECK_THAT(rig.incidents.stops[0], Contains("topic topic, partition 0, offset 7, key 'N1'"));
  CHECK_THAT(rig.incidents.stops[0], Contains("out of cheese"));
  CHECK(rig.core->stop_reason() == rig.incidents.stops[0]);
}

TEST_CASE("a failed record without a key is named as such") {
  failure_rig rig{failure_action::stop_partition};
  rig.start();
  rig.take(fakes::make_batch({rec(7, "fail", std::nullopt)}));
  CHECK_THAT(rig.core->stop_reason(), Contains("offset 7, no key: not a number"));
}

TEST_CASE("a processor's exception is the result its finalizer gets") {
  failure_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "job:break")}));
  rig.answer_all();
  CHECK(rig.finalized == std::vector<std::string>{"break"});
  REQUIRE(rig.incidents.skips.size() == 1);
  CHECK_THAT(rig.incidents.skips[0],
             Contains("key 'k', stage 'work': the processor threw: no table"));
}

TEST_CASE("a finalizer that throws stops its partition with stage and key") {
  failure_rig rig{failure_action::stop_partition};
  rig.start();
  rig.take(fakes::make_batch({rec(3, "job:throw")}));
  rig.answer_all();
  CHECK(rig.core->stopped());
  CHECK_THAT(rig.core->stop_reason(),
             Contains("offset 3, key 'k', stage 'work': the finalizer threw: out of cheese"));
}

TEST_CASE("a record no handler takes fails and names its type") {
  fakes::partition_rig rig;
  rig.start();
  auto batch = caf::make_counted<core::record_batch>("topic", 0);
  batch->add("k", "v", 5, 0);
  batch->add_header("type", "leg");
  rig.take(batch);
  CHECK_THAT(rig.core->stop_reason(),
             Contains("offset 5") && Contains("no handler for type 'leg'"));
}

TEST_CASE("I12: a failed event under skip is counted as skipped, once, and is out") {
  failure_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "fail"), rec(1, "job:fail"), rec(2, "")}));
  rig.answer_all();
  CHECK(rig.totals.records == 3);
  CHECK(rig.totals.skipped == 2);
  CHECK(rig.incidents.skips.size() == 2);
  CHECK(rig.totals.out == 3);
  CHECK(rig.core->committable() == 3);
}

TEST_CASE("a failed turn's outputs and jobs are dropped") {
  failure_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "out job:out fail")}));
  CHECK(rig.runs.busy().empty());
  CHECK(rig.outputs.values.empty());
  CHECK(rig.core->committable() == 1);
}

TEST_CASE(
  "a turn that returns incomplete with nothing pending fails, and its outputs are dropped") {
  failure_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "out pending")}));
  REQUIRE(rig.incidents.skips.size() == 1);
  CHECK_THAT(rig.incidents.skips[0], Contains("no job is pending"));
  CHECK(rig.outputs.values.empty());
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("a finalizer may return incomplete while another job of its event is pending") {
  failure_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "job:pending job:out")}));
  rig.answer_all();
  CHECK(rig.incidents.skips.empty());
  CHECK(rig.outputs.values == std::vector<std::string>{"0"});
}

TEST_CASE("outputs of turns that ended well stay when a later turn is skipped") {
  failure_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(4, "out job:fail")}));
  rig.answer_all();
  CHECK(rig.totals.skipped == 1);
  CHECK(rig.outputs.values == std::vector<std::string>{"4"});
}

TEST_CASE("I5: a skipped event's other jobs get no finalizer") {
  failure_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "job:fail job:out")}));
  rig.answer_all();
  CHECK(rig.finalized == std::vector<std::string>{"fail"});
  CHECK(rig.outputs.values.empty());
  CHECK(rig.core->committable() == 1);
}

TEST_CASE("I7: a skipped event keeps its place until its last job has come back") {
  failure_rig rig;
  rig.start();
  rig.take(fakes::make_batch({rec(0, "job:fail job:out"), rec(1, "out")}));
  auto slot = rig.runs.slot_of(0, "k");
  rig.answer({0, slot}, 1);
  CHECK(rig.totals.skipped == 1);
  CHECK(rig.core->committable() == 0);
  CHECK(rig.outputs.values.empty());
  rig.answer_all();
  CHECK(rig.outputs.values == std::vector<std::string>{"1"});
}

TEST_CASE("a stopped partition calls no finalizer and takes nothing in") {
  failure_rig rig{failure_action::stop_partition};
  rig.start();
  rig.take(fakes::make_batch({rec(0, "job:out", "a"), rec(1, "fail", "b"), rec(2, "out", "c")}));
  REQUIRE(rig.core->stopped());
  rig.answer_all();
  rig.take(fakes::make_batch({rec(3, "out", "d")}));
  CHECK(rig.finalized.empty());
  CHECK(rig.outputs.values.empty());
  CHECK_FALSE(rig.meter.open);
  CHECK(rig.core->memory()->given_up());
  CHECK(rig.core->committable() == 0);
}

TEST_CASE("a turn that fails after it changed the store stops the partition, even under skip") {
  fakes::partition_rig rig;
  rig.source->config.on_error = failure_action::skip;
  rig.source->make_store = [](const std::string&, int32_t) { return std::make_shared<ledger>(); };
  rig.source->fallback = [](detail::turn& t, const record& rec) -> outcome {
    context<ledger> ctx{t};
    if (rec.value != "read")
      ctx.record_change(1);
    return rec.value == "good" ? complete : outcome{errc::decode_failed, "not a number"};
  };
  rig.start();
  rig.take(fakes::make_batch({rec(0, "good"), rec(1, "read")}));
  CHECK_FALSE(rig.core->stopped());
  rig.take(fakes::make_batch({rec(2, "bad")}));
  CHECK(rig.core->stopped());
  CHECK_THAT(rig.core->stop_reason(), Contains("offset 2") && Contains("cannot undo"));
  CHECK(rig.core->committable() == 2);
}

TEST_CASE("a store factory that throws stops the partition before it takes anything in") {
  fakes::partition_rig rig;
  rig.source->make_store = [](const std::string&, int32_t) -> std::shared_ptr<void> {
    throw std::runtime_error{"no disk"};
  };
  rig.start();
  CHECK(rig.core->stopped());
  CHECK_FALSE(rig.meter.open);
  CHECK_THAT(rig.core->stop_reason(), Contains("topic topic, partition 0") && Contains("no disk"));
}

TEST_CASE("a store factory that throws something else stops the partition, too") {
  fakes::partition_rig rig;
  rig.source->make_store = [](const std::string&, int32_t) -> std::shared_ptr<void> { throw 42; };
  rig.start();
  CHECK(rig.core->stopped());
}
