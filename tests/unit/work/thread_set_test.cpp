#include "runtime/work/thread_set.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <latch>
#include <memory>

using namespace keyloom;

TEST_CASE("calls that come at once have a thread each, and idle threads are used again") {
  work::thread_set threads;
  std::latch all_in{3};
  std::latch done{3};
  for (int i = 0; i < 3; ++i)
    threads.call([&] {
      all_in.arrive_and_wait(); // hangs if one thread must call all
      done.count_down();
    });
  done.wait();
  CHECK(threads.size() == 3);
  for (int i = 0; i < 100; ++i) {
    std::latch once{1};
    threads.call([&] { once.count_down(); });
    once.wait();
  }
  CHECK(threads.size() <= 4); // a thread that counted down may not be idle yet
}

TEST_CASE("a set that goes waits for all calls, also those that have not begun") {
  std::atomic<int> called{0};
  {
    work::thread_set threads;
    for (int i = 0; i < 50; ++i)
      threads.call([&] { ++called; });
  }
  CHECK(called == 50);
}

TEST_CASE("what a call holds goes with it") {
  work::thread_set threads;
  auto held = std::make_shared<int>(1);
  std::latch done{1};
  threads.call([held, &done] { done.count_down(); });
  done.wait();
  while (held.use_count() > 1) // hangs if the set keeps it
    std::this_thread::yield();
}
