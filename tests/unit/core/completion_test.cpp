#include "tests/fakes/bomb.hpp"
#include "tests/fakes/fake_calls.hpp"

#include <catch2/catch.hpp>

#include <latch>
#include <thread>

using namespace keyloom;

namespace {

template <class Result>
struct one_completion {
  caf::intrusive_ptr<fakes::fake_completion_port> port
    = caf::make_counted<fakes::fake_completion_port>();
  completion<Result> done{std::make_unique<detail::typed_job<int, Result>>(), port};

  /// What the one call ended with.
  const caf::expected<Result>& result() {
    REQUIRE(port->calls.size() == 1);
    return *static_cast<detail::result_job<Result>&>(*port->calls[0]).result;
  }
};

} // namespace

TEST_CASE("a completion takes one result; a second one is refused with an error that says so") {
  one_completion<int> one;
  CHECK(one.done(7));
  CHECK(*one.result() == 7);
  auto again = one.done.fulfil(8);
  CHECK(again == errc::wrong_state);
  CHECK(describe(again) == "this completion was fulfilled already; only the first result counts");
  CHECK_FALSE(one.done(caf::make_error(caf::sec::runtime_error)));
  CHECK(*one.result() == 7);
}

TEST_CASE("a completion takes an error instead of a result, and void needs none") {
  one_completion<int> failed;
  CHECK(failed.done(caf::make_error(errc::kafka_failed, "why")));
  CHECK(describe(failed.result().error()) == "why");
  one_completion<void> nothing;
  CHECK(nothing.done());
  CHECK(static_cast<bool>(nothing.result()));
}

TEST_CASE("an empty error is no result: the job fails with a sentence instead of none") {
  one_completion<int> one;
  CHECK(one.done(caf::error{}));
  CHECK(one.result().error() == errc::processor_failed);
}

TEST_CASE("a completion that is dropped, or written over, fails its job") {
  one_completion<int> one;
  one_completion<int> other;
  one.done = std::move(other.done);
  CHECK(one.result().error() == errc::completion_dropped);
  { auto moved = std::move(one.done); }
  CHECK(other.result().error() == errc::completion_dropped);
}

TEST_CASE("a completion that was moved from says which one to fulfil") {
  one_completion<int> one;
  auto moved = std::move(one.done);
  auto err = one.done.fulfil(1); // NOLINT(bugprone-use-after-move): that is the test
  CHECK(describe(err) == "this completion was moved from; fulfil the one it was moved to");
  CHECK(one.port->calls.empty());
  CHECK(moved(1));
}

TEST_CASE("of threads that fulfil the same completion at once one wins, the others are told") {
  for (int round = 0; round < 200; ++round) {
    one_completion<int> one;
    std::latch together{3};
    std::atomic<int> taken = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&, i] {
        together.arrive_and_wait();
        if (one.done(i))
          taken += 10 + i;
      });
    for (auto& each : threads)
      each.join();
    CHECK(taken == 10 + *one.result());
  }
}

TEST_CASE("a result that throws when it is moved fails its job instead of leaving it open") {
  one_completion<fakes::bomb> one;
  SECTION("on the way in it is the caller's, who may answer again") {
    caf::expected<fakes::bomb> result{fakes::bomb{}};
    fakes::bomb::fuse = 1;
    CHECK_THROWS(one.done(std::move(result)));
    CHECK(one.done(caf::make_error(errc::kafka_failed, "why")));
    CHECK(describe(one.result().error()) == "why");
  }
  SECTION("later it is the job's") {
    caf::expected<fakes::bomb> result{fakes::bomb{}};
    fakes::bomb::fuse = 2;
    auto refused
      = one.done.fulfil(std::move(result)); // CHECK would repeat the move, says clang-tidy
    CHECK(refused == caf::error{});
    CHECK(describe(one.result().error()) == "moving the result threw: a bomb");
  }
  fakes::bomb::fuse = 0;
}
