#include "runtime/core/transaction_plan.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using keyloom::core::transaction_plan;

namespace {

using step = transaction_plan::step;
using outcome = transaction_plan::outcome;
using kind = transaction_plan::news_kind;

/// A plan of two producers, opened, at a time that the test moves.
struct fixture {
  fixture() {
    for (size_t i = 0; i < 2; ++i)
      does(i, step::open, 0);
  }

  void starts(size_t producer, step what, transaction_plan::number of) {
    auto task = plan.next(producer, now);
    REQUIRE(task);
    CHECK(*task == transaction_plan::task{what, of});
  }

  void ends(size_t producer, outcome how = outcome::done) { plan.ended(producer, how, now); }

  void does(size_t producer, step what, transaction_plan::number of, outcome how = outcome::done) {
    starts(producer, what, of);
    ends(producer, how);
  }

  bool idle(size_t producer) { return !plan.next(producer, now); }

  bool hears(kind what, transaction_plan::number of) {
    return plan.take_news() == transaction_plan::news{what, of};
  }

  transaction_plan plan{{.producers = 2, .patience = 10s, .wait = 50ms}};
  transaction_plan::time_point now{};
};

} // namespace

TEST_CASE("nothing is handed over before every producer was opened") {
  transaction_plan plan{{.producers = 2}};
  plan.submit(1);
  CHECK(plan.next(0, {})->what == step::open);
  plan.ended(0, outcome::done, {});
  CHECK(!plan.next(0, {}));
  CHECK(plan.next(1, {})->what == step::open);
  plan.ended(1, outcome::done, {});
  CHECK(plan.next(0, {})->what == step::hand_over);
}

TEST_CASE("the records of the next transaction overlap with the end of the one before") {
  fixture f;
  f.plan.submit(1);
  f.plan.submit(1);
  f.starts(0, step::hand_over, 1);
  CHECK(f.idle(1));
  f.ends(0);
  f.starts(0, step::send_offsets, 1);
  f.does(1, step::hand_over, 2);
  CHECK(f.idle(1));
  f.ends(0);
  f.starts(0, step::commit, 1);
  f.does(1, step::send_offsets, 2);
  CHECK(f.idle(1));
  f.ends(0);
  f.does(1, step::commit, 2);
  CHECK(f.hears(kind::acknowledged, 1));
  CHECK(f.hears(kind::acknowledged, 2));
  CHECK(f.hears(kind::committed, 1));
  CHECK(f.hears(kind::committed, 2));
  CHECK(f.plan.quiet());
}

TEST_CASE("a transaction that fails takes those after it along, and they go out again in order") {
  fixture f;
  f.plan.submit(1);
  f.plan.submit(1);
  f.does(0, step::hand_over, 1);
  f.starts(1, step::hand_over, 2);
  f.does(0, step::send_offsets, 1, outcome::aborts);
  f.does(0, step::abort, 1);
  CHECK(f.idle(0));
  f.ends(1);
  f.does(1, step::abort, 2);
  CHECK(f.hears(kind::acknowledged, 1));
  CHECK(f.hears(kind::aborted, 1));
  CHECK(f.idle(0));
  CHECK(f.plan.resume(2, {}));
  f.does(0, step::hand_over, 1);
  f.does(1, step::hand_over, 2);
}

TEST_CASE("a transaction before the one that failed is committed") {
  fixture f;
  f.plan.submit(1);
  f.plan.submit(1);
  f.does(0, step::hand_over, 1);
  f.does(0, step::send_offsets, 1);
  f.starts(0, step::commit, 1);
  f.does(1, step::hand_over, 2, outcome::aborts);
  f.does(1, step::abort, 2);
  f.ends(0);
  CHECK(f.hears(kind::acknowledged, 1));
  CHECK(f.hears(kind::committed, 1));
  CHECK(f.hears(kind::aborted, 2));
}

TEST_CASE("a commit whose producer broke is settled before anything else goes out") {
  fixture f;
  f.plan.submit(1);
  f.plan.submit(1);
  f.does(0, step::hand_over, 1);
  f.does(0, step::send_offsets, 1);
  f.does(1, step::hand_over, 2);
  f.starts(0, step::commit, 1);
  f.does(1, step::send_offsets, 2);
  f.ends(0, outcome::breaks);
  CHECK(f.idle(0)); // the pending offsets of 2 would hold up the answer
  f.does(1, step::abort, 2);
  f.does(0, step::open, 0);
  SECTION("it was committed") {
    f.does(0, step::settle, 1);
    f.plan.take_news();
    f.plan.take_news();
    CHECK(f.hears(kind::committed, 1));
    CHECK(f.hears(kind::aborted, 2));
  }
  SECTION("it was not committed") {
    f.does(0, step::settle, 1, outcome::absent);
    f.plan.take_news();
    f.plan.take_news();
    CHECK(f.hears(kind::aborted, 1));
    CHECK(f.plan.resume(1, {}));
    f.does(0, step::hand_over, 1);
  }
}

TEST_CASE("a producer whose transaction the broker cut is made anew only when it is needed again") {
  fixture f;
  f.plan.submit(1);
  f.does(0, step::hand_over, 1);
  f.does(0, step::send_offsets, 1, outcome::expires);
  CHECK(f.hears(kind::acknowledged, 1));
  CHECK(f.hears(kind::aborted, 1));
  CHECK(f.idle(0));
  CHECK(f.plan.resume(1, {1}));
  CHECK(f.idle(0));
  CHECK(f.idle(1));
  f.plan.submit(1);
  f.does(1, step::hand_over, 2);
}

TEST_CASE("a step that is tried again waits, and is given up when patience ends") {
  fixture f;
  f.plan.submit(1);
  f.does(0, step::hand_over, 1, outcome::again);
  CHECK(f.idle(0));
  CHECK(f.plan.due(0) == f.now + 50ms);
  f.now += 50ms;
  f.does(0, step::hand_over, 1, outcome::again);
  f.now += 10s;
  f.does(0, step::hand_over, 1, outcome::again);
  f.does(0, step::abort, 1);
  CHECK(f.hears(kind::aborted, 1));
}

TEST_CASE("whether a transaction loses its producer is known before its step has ended") {
  fixture f;
  f.plan.submit(1);
  f.starts(0, step::hand_over, 1);
  for (auto how : {outcome::done, outcome::again, outcome::aborts})
    CHECK(!f.plan.loses(0, how, f.now));
  for (auto how : {outcome::breaks, outcome::expires, outcome::ends})
    CHECK(f.plan.loses(0, how, f.now));
  CHECK(!f.plan.loses(0, outcome::again, f.now + 11s)); // it can be aborted
  f.ends(0);
  f.does(0, step::send_offsets, 1);
  f.starts(0, step::commit, 1);
  CHECK(!f.plan.loses(0, outcome::again, f.now));
  CHECK(f.plan.loses(0, outcome::again, f.now + 11s)); // it cannot
}

TEST_CASE("nothing of an epoch goes out after it was aborted unless it was put under a later one") {
  fixture f;
  f.plan.submit(1);
  f.plan.submit(1);
  f.does(0, step::hand_over, 1);
  f.plan.abort_all(1);
  CHECK(!f.plan.quiet());
  CHECK(f.plan.submit(1) == 0);
  f.does(0, step::abort, 1);
  CHECK(f.plan.quiet());
  f.plan.take_news();
  CHECK(f.hears(kind::aborted, 1));
  CHECK(!f.plan.resume(1, {}));
  CHECK(f.idle(0));
  CHECK(f.idle(1));
  CHECK(f.plan.resume(2, {1}));
  f.does(1, step::hand_over, 2);
}

TEST_CASE("a commit under way when its epoch is aborted ends as it ends") {
  fixture f;
  f.plan.submit(1);
  f.does(0, step::hand_over, 1);
  f.does(0, step::send_offsets, 1);
  f.starts(0, step::commit, 1);
  f.plan.abort_all(1);
  CHECK(!f.plan.quiet());
  f.ends(0);
  CHECK(f.plan.quiet());
  CHECK(f.hears(kind::acknowledged, 1));
  CHECK(f.hears(kind::committed, 1));
  CHECK(!f.plan.take_news());
}

TEST_CASE("a chain whose ids are somebody else's aborts what it can and begins nothing more") {
  fixture f;
  f.plan.submit(1);
  f.plan.submit(1);
  f.does(0, step::hand_over, 1);
  f.does(1, step::hand_over, 2);
  f.does(0, step::send_offsets, 1, outcome::ends);
  f.does(1, step::abort, 2);
  f.plan.take_news();
  f.plan.take_news();
  CHECK(f.hears(kind::ended, 0));
  CHECK(f.idle(0));
  CHECK(f.plan.submit(1) == 0);
  CHECK(f.plan.quiet());
}
