#include "tests/fakes/fake_calls.hpp"

#include <keyloom/asio.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;
using boost::asio::awaitable;
using boost::asio::use_awaitable;

namespace {

/// Goes through the executor's queue once.
awaitable<void> one_hop() {
  co_await boost::asio::post(co_await boost::asio::this_coro::executor, use_awaitable);
}

/// Calls made through asio(io, f), answered when the test runs `io`.
template <class Job, class Result>
struct asio_rig {
  template <class Function>
  explicit asio_rig(Function f) {
    auto processor = std::make_shared<decltype(asio(*io, f))>(asio(*io, f));
    calls.instead = [processor](std::string_view key, Job& job, completion<Result> done) {
      processor->call(key, job, std::move(done));
    };
  }

  ~asio_rig() {
    io.reset();
    calls.take_back();
  }

  /// Runs the executor until nothing is left to do, and returns what has ended.
  auto run() {
    for (auto again = true; again;) {
      io->restart();
      again = io->run() > 0;
      calls.take_back();
    }
    return calls.take_done();
  }

  fakes::fake_calls<Job, Result> calls;
  std::optional<boost::asio::io_context> io{std::in_place};
};

} // namespace

TEST_CASE("a coroutine's value is the result; key and job are its own while it is suspended") {
  asio_rig<int, std::string> rig{[](std::string key, int& number) -> awaitable<std::string> {
    co_await one_hop();
    ++number;
    co_return key + " " + std::to_string(number);
  }};
  rig.calls.give(7, 1);
  rig.calls.give(7, 2);
  rig.calls.give(8, 3);
  rig.calls.take_back();
  CHECK(rig.calls.calls->under_way() == 2);
  auto done = rig.run();
  REQUIRE(done.size() == 3);
  CHECK(**done[0]->result == "7 2");
  CHECK(**done[1]->result == "8 4");
  CHECK(**done[2]->result == "7 3");
  CHECK(*done[2]->payload == 3);
}

TEST_CASE("a coroutine may return an expected value, or nothing") {
  asio_rig<int, int> halves{[](std::string, int& number) -> awaitable<caf::expected<int>> {
    co_await one_hop();
    if (number % 2 != 0)
      co_return caf::make_error(errc::processor_failed, "odd");
    co_return number / 2;
  }};
  halves.calls.give(1, 8);
  halves.calls.give(2, 7);
  halves.calls.take_back();
  auto done = halves.run();
  REQUIRE(done.size() == 2);
  CHECK(**done[0]->result == 4);
  CHECK(describe(done[1]->result->error()) == "odd");

  asio_rig<int, void> nothing{[](std::string, int&) { return one_hop(); }};
  nothing.calls.give(1, 8);
  nothing.calls.take_back();
  auto ended = nothing.run();
  REQUIRE(ended.size() == 1);
  CHECK(static_cast<bool>(*ended[0]->result));
}

TEST_CASE("what a coroutine throws fails its job") {
  asio_rig<int, int> rig{[](std::string, int& number) -> awaitable<int> {
    if (number == 0)
      throw std::runtime_error{"at once"};
    co_await one_hop();
    if (number == 1)
      throw std::runtime_error{"later"};
    throw 42;
  }};
  for (uint32_t i = 0; i < 3; ++i)
    rig.calls.give(i, static_cast<int>(i));
  rig.calls.take_back();
  std::vector<std::string> errors;
  for (auto* j : rig.run())
    errors.push_back(describe(j->result->error()));
  std::sort(errors.begin(), errors.end());
  CHECK(errors
        == std::vector<std::string>{"the processor threw something that is no std::exception",
                                    "the processor threw: at once", "the processor threw: later"});
}

TEST_CASE("a coroutine that its executor drops fails its job") {
  asio_rig<int, int> rig{[](std::string, int&) -> awaitable<int> {
    boost::asio::steady_timer never{co_await boost::asio::this_coro::executor,
                                    std::chrono::hours{1}};
    co_await never.async_wait(use_awaitable);
    co_return 1;
  }};
  rig.calls.give(1, 0);
  rig.calls.give(2, 0);
  rig.calls.take_back();
  rig.io->poll(); // both wait for the hour
  rig.io.reset();
  rig.calls.take_back();
  auto done = rig.calls.take_done();
  REQUIRE(done.size() == 2);
  CHECK(done[0]->result->error() == errc::completion_dropped);
  rig.io.emplace();
}
