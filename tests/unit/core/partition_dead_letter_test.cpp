// What failed for good and goes to a dead-letter topic.
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using values = std::vector<std::string>;

/// A handler sends "<value> seen" and schedules a job, whose finalizer sends the value, or fails
/// with the job's error. The value "bad" fails in the handler.
struct letter_rig : fakes::kit_rig<> {
  explicit letter_rig(source_config cfg = {}) : kit_rig(with_letters(std::move(cfg))) {
    auto finalizer = [](context<>& ctx, std::string_view, std::string& job,
                        caf::expected<int> result) {
      ctx.forward({.topic = "out", .value = job});
      return result ? complete : outcome{result.error()};
    };
    auto processor = blocking([](std::string_view, std::string&) { return 1; });
    auto work = source.stage<std::string, int>("work", processor, finalizer);
    source.on_default([work](context<>& ctx, const record& rec) -> outcome {
      std::string value{rec.value};
      ctx.forward({.topic = "out", .value = value + " seen"});
      if (value == "bad")
        return {errc::handler_failed, "out of cheese"};
      return work.schedule(ctx, rec.key, std::move(value));
    });
  }

  test_stage<std::string, int> work() { return kit->stage<std::string, int>("work"); }

private:
  static source_config with_letters(source_config cfg) {
    cfg.retry = {.times = 1, .backoff = 100ms, .jitter = 0};
    cfg.on_error = failure_action::dead_letter;
    cfg.dead_letter_topic = "dead";
    return cfg;
  }
};

std::string header_of(const outgoing_record& rec, std::string_view name) {
  for (auto& each : rec.headers)
    if (each.name == "keyloom.dead-letter." + std::string{name})
      return each.value.value_or("(null)");
  return "(none)";
}

} // namespace

TEST_CASE("an event that failed in a stage for good is sent as it was, with stage and attempts") {
  letter_rig rig;
  rig.start();
  rig.kit->feed({.key = "k", .value = "a", .headers = {{"own", "1"}}, .timestamp_ms = 77});
  rig.work().next().fail(errc::processor_failed, "no table");
  rig.kit->advance(100ms);
  rig.work().next().fail(errc::processor_failed, "no table");
  CHECK(rig.kit->values("out") == values{"a seen"}); // of the turn that ended well
  REQUIRE(rig.kit->values("dead") == values{"a"});
  auto& letter = rig.kit->outputs()[1];
  CHECK(letter.key == "k");
  CHECK(letter.timestamp_ms == 77);
  CHECK(letter.headers[0].name == "own");
  CHECK(header_of(letter, "topic") == "topic");
  CHECK(header_of(letter, "partition") == "0");
  CHECK(header_of(letter, "offset") == "0");
  CHECK(header_of(letter, "stage") == "work");
  CHECK(header_of(letter, "attempts") == "2");
  CHECK_THAT(header_of(letter, "error"), Contains("no table"));
  CHECK(header_of(letter, "time") == "1767225600100");
  CHECK(rig.kit->state().dead_lettered == 1);
}

TEST_CASE("an event whose handler failed for good is sent without a stage") {
  letter_rig rig;
  rig.start();
  rig.kit->feed({.key = "k", .value = "bad"});
  rig.kit->advance(100ms);
  CHECK(rig.kit->values("out").empty());
  REQUIRE(rig.kit->values("dead") == values{"bad"});
  CHECK(header_of(rig.kit->outputs()[0], "stage") == "(none)");
  CHECK(header_of(rig.kit->outputs()[0], "attempts") == "2");
  CHECK_THAT(header_of(rig.kit->outputs()[0], "error"), Contains("out of cheese"));
}

TEST_CASE("I1 I12: the offset advances only when the broker has acknowledged the dead letter") {
  letter_rig rig;
  rig.start({.acks = test_acks::by_hand});
  rig.kit->feed({.key = "k", .value = "bad"});
  rig.kit->advance(100ms);
  REQUIRE(rig.kit->outputs().size() == 1);
  CHECK(rig.kit->committable() == 0);
  CHECK(rig.kit->state().dead_lettered == 0);
  rig.kit->acknowledge(0);
  CHECK(rig.kit->committable() == 1);
  CHECK(rig.kit->state().dead_lettered == 1);
  CHECK(rig.kit->state().out == 1);
}

TEST_CASE("I7: a dead letter leaves in the order of its key") {
  letter_rig rig;
  rig.start();
  rig.kit->feed({.key = "k", .value = "a"});
  rig.kit->feed({.key = "k", .value = "bad"});
  rig.kit->advance(100ms);
  CHECK(rig.kit->outputs().empty());
  rig.kit->run();
  CHECK(rig.kit->values() == values{"a seen", "a", "bad"});
}

TEST_CASE("I12: a dead letter that is refused stops its partition, and nothing is dropped") {
  letter_rig rig;
  rig.start({.acks = test_acks::by_hand});
  rig.kit->feed({.key = "k", .value = "bad"});
  rig.kit->advance(100ms);
  rig.kit->refuse(0);
  CHECK(rig.kit->state(0) == lifecycle::stopped);
  CHECK_THAT(rig.kit->stop_reason(),
             Contains("offset 0") && Contains("dead letter") && Contains("dead-letter-topic"));
  CHECK(rig.kit->committable() == 0);
  CHECK(rig.kit->state().dead_lettered == 0);
}

TEST_CASE("I12: a dead letter that the producer does not take stops its partition") {
  letter_rig rig;
  rig.start();
  rig.kit->refuse_outputs([](const outgoing_record& rec) { return rec.topic == "dead"; });
  rig.kit->feed({.key = "k", .value = "bad"});
  rig.kit->advance(100ms);
  CHECK(rig.kit->state(0) == lifecycle::stopped);
  CHECK(rig.kit->committable() == 0);
}

TEST_CASE("a source that sends dead letters needs a topic for them, which it does not read") {
  auto reason = [](source_config cfg) {
    fakes::kit_rig rig{std::move(cfg)};
    rig.source.on_default([](context<>&, const record&) { return complete; });
    try {
      rig.start();
    } catch (const testkit_error& wrong) {
      return std::string{wrong.what()};
    }
    return std::string{};
  };
  CHECK_THAT(reason({.on_error = failure_action::dead_letter}),
             Contains("keyloom.dead-letter-topic"));
  CHECK_THAT(reason({.on_unreadable = failure_action::dead_letter}), Contains("on-unreadable"));
  CHECK_THAT(reason({.on_error = failure_action::dead_letter, .dead_letter_topic = "topic"}),
             Contains("reads itself"));
  CHECK_THAT(reason({.on_error = failure_action::dead_letter,
                     .dead_letter_topic = "dead",
                     .skip_headers = true}),
             Contains("skip-headers"));
  CHECK(reason({.on_error = failure_action::dead_letter, .dead_letter_topic = "dead"}).empty());
}
