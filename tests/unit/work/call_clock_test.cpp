#include "runtime/work/call_clock.hpp"
#include "tests/fakes/add_stage.hpp"

#include <catch2/catch.hpp>

#include <semaphore>

using namespace keyloom;
using namespace std::chrono_literals;

namespace {

struct watched_call final : work::call_clock::call {
  void expired() override {
    ++times;
    happened.release();
  }

  std::atomic<int> times = 0;
  std::counting_semaphore<> happened{0};
};

/// A source with a stage for each of these timeouts.
core::plan stages(std::initializer_list<std::chrono::milliseconds> timeouts) {
  core::plan result;
  for (auto timeout : timeouts)
    fakes::add_stage<no_store, int, void>(result, "stage", blocking([](std::string_view, int&) {}),
                                          detail::no_finalizer{},
                                          {.limits = {}, .timeout = timeout});
  return result;
}

} // namespace

TEST_CASE("a call that ends in time does not expire; one that does not expires once") {
  auto source = stages({5ms, 1h});
  work::call_clock clock{source};
  watched_call slow;
  watched_call quick;
  clock.begin(1, quick);
  clock.begin(0, slow); // earlier than what the clock waits for
  slow.happened.acquire();
  CHECK_FALSE(clock.end(0, slow));
  CHECK(clock.end(1, quick));
  CHECK(slow.times == 1);
  CHECK(quick.times == 0);
  clock.begin(0, slow); // again
  slow.happened.acquire();
  CHECK_FALSE(clock.end(0, slow));
  CHECK(slow.times == 2);
}

TEST_CASE("a stage without a timeout has no deadlines") {
  auto source = stages({0ms, 1ms});
  work::call_clock clock{source};
  watched_call free;
  watched_call slow;
  clock.begin(0, free);
  clock.begin(1, slow);
  slow.happened.acquire();
  CHECK(clock.end(0, free));
  CHECK(free.times == 0);
}

TEST_CASE("after a stop no call expires, and one that did stays late") {
  auto source = stages({1ms});
  work::call_clock clock{source};
  watched_call late;
  clock.begin(0, late);
  late.happened.acquire();
  clock.stop();
  CHECK_FALSE(clock.end(0, late));
  watched_call never;
  clock.begin(0, never);
  CHECK(clock.end(0, never));
}

TEST_CASE("calls of many threads end either in time or late, never both") {
  auto source = stages({1ms});
  work::call_clock clock{source};
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 300; ++round) {
        watched_call one;
        clock.begin(0, one);
        for (auto until = std::chrono::steady_clock::now() + (round % 3) * 500us * (i % 2);
             std::chrono::steady_clock::now() < until;)
          std::this_thread::yield();
        auto in_time = clock.end(0, one);
        wrong += one.times != (in_time ? 0 : 1);
      }
    });
  for (auto& each : threads)
    each.join();
  CHECK(wrong == 0);
}
