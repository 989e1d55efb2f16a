#include "runtime/core/backoff.hpp"

#include <keyloom/errc.hpp>

#include <catch2/catch.hpp>

#include <limits>
#include <stdexcept>

using namespace keyloom;
using namespace std::chrono_literals;

namespace {

constexpr core::steady_time start{1h};

retry_policy plain() {
  return {.times = 3, .backoff = 100ms, .factor = 3, .max_backoff = 500ms, .jitter = 0};
}

} // namespace

TEST_CASE("each wait is factor times the one before, up to the longest") {
  CHECK(core::backoff_after(plain(), 1) == 100ms);
  CHECK(core::backoff_after(plain(), 2) == 300ms);
  CHECK(core::backoff_after(plain(), 3) == 500ms);
  CHECK(core::backoff_after(plain(), std::numeric_limits<uint32_t>::max()) == 500ms);
}

TEST_CASE("a factor of 1 waits equally long, and no backoff waits not at all") {
  auto even = plain();
  even.factor = 1;
  CHECK(core::backoff_after(even, 1000) == 100ms);
  even.backoff = 0ms;
  even.factor = 2;
  CHECK(core::backoff_after(even, 1000) == 0ms);
}

TEST_CASE("times counts the calls after the first") {
  std::minstd_rand random;
  CHECK(core::next_attempt(plain(), {3, start}, start, random) == start + 500ms);
  CHECK_FALSE(core::next_attempt(plain(), {4, start}, start, random));
  CHECK_FALSE(core::next_attempt(retry_policy{}, {1, start}, start, random));
}

TEST_CASE("no call begins later than total after the first failure, however often it may be made") {
  std::minstd_rand random;
  retry_policy timed{.total = 250ms, .backoff = 100ms, .factor = 1, .jitter = 0};
  CHECK(core::next_attempt(timed, {1000, start}, start + 150ms, random) == start + 250ms);
  CHECK_FALSE(core::next_attempt(timed, {1, start}, start + 151ms, random));
}

TEST_CASE("jitter shortens a wait by up to its percentage, differently each time") {
  std::minstd_rand random{7};
  auto jittery = plain();
  jittery.jitter = 50;
  auto shortest = 1000ms * 1.0;
  auto longest = 0ms * 1.0;
  for (int i = 0; i < 200; ++i) {
    auto wait = std::chrono::duration<double, std::milli>{
      *core::next_attempt(jittery, {1, start}, start, random) - start};
    shortest = std::min(shortest, wait);
    longest = std::max(longest, wait);
  }
  CHECK(shortest >= 50ms);
  CHECK(shortest < 60ms);
  CHECK(longest <= 100ms);
  CHECK(longest > 90ms);
}

TEST_CASE("errors that would come again for sure are not worth another call") {
  retry_policy any;
  CHECK(core::worth_retrying(any, caf::make_error(errc::processor_failed)));
  CHECK(core::worth_retrying(any, caf::make_error(errc::timed_out)));
  CHECK(core::worth_retrying(any, caf::make_error(caf::sec::runtime_error)));
  CHECK_FALSE(core::worth_retrying(any, caf::make_error(errc::decode_failed)));
  CHECK_FALSE(core::worth_retrying(any, caf::make_error(errc::nothing_pending)));
}

TEST_CASE("a predicate alone says which errors are worth it, and one that throws says no") {
  retry_policy picky;
  picky.when = [](const caf::error& reason) {
    if (reason == errc::no_handler_actor)
      throw std::runtime_error{"no idea"};
    return reason == errc::decode_failed;
  };
  CHECK(core::worth_retrying(picky, caf::make_error(errc::decode_failed)));
  CHECK_FALSE(core::worth_retrying(picky, caf::make_error(errc::processor_failed)));
  CHECK_FALSE(core::worth_retrying(picky, caf::make_error(errc::no_handler_actor)));
}
