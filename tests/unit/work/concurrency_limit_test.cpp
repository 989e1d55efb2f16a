#include "runtime/work/concurrency_limit.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <thread>
#include <vector>

using keyloom::work::concurrency_limit;

TEST_CASE("as many places are held at once as the limit says; who comes later is woken in turn") {
  concurrency_limit limit{2};
  std::vector<int> granted;
  auto place = [&](int name) {
    return std::make_unique<concurrency_limit::place>(limit, [&granted, name] {
      granted.push_back(name);
    });
  };
  auto a = place(1);
  auto b = place(2);
  auto c = place(3);
  auto d = place(4);
  CHECK(a->acquire());
  CHECK(b->acquire());
  CHECK_FALSE(c->acquire());
  CHECK_FALSE(d->acquire());
  b->release();
  CHECK(granted == std::vector<int>{3});
  CHECK(c->held());
  CHECK_FALSE(d->held());
  a->release();
  CHECK(granted == std::vector<int>{3, 4});
}

TEST_CASE("a place is taken once, however often it is asked for") {
  concurrency_limit limit{1};
  concurrency_limit::place a{limit, [] {}};
  concurrency_limit::place b{limit, [] {}};
  CHECK(a.acquire());
  CHECK(a.acquire());
  CHECK_FALSE(b.acquire());
  CHECK_FALSE(b.acquire());
  a.release();
  CHECK(b.held());
  a.release(); // holds nothing: gives nothing back
  CHECK_FALSE(a.acquire());
}

TEST_CASE("who leaves the line is not woken, and his place goes to the next") {
  concurrency_limit limit{1};
  auto woken = 0;
  concurrency_limit::place a{limit, [] {}};
  concurrency_limit::place c{limit, [&woken] { ++woken; }};
  CHECK(a.acquire());
  {
    concurrency_limit::place b{limit, [] { FAIL("left the line, but was woken"); }};
    CHECK_FALSE(b.acquire());
    CHECK_FALSE(c.acquire());
  }
  a.release();
  CHECK(woken == 1);
  CHECK(c.held());
}

TEST_CASE("no more than the limit hold a place at once when many threads want one") {
  concurrency_limit limit{2};
  std::atomic<int> holding = 0;
  std::atomic<int> most = 0;
  std::atomic<int> times = 0;
  auto work = [&] {
    std::mutex mutex;
    std::condition_variable changed;
    auto granted = false;
    concurrency_limit::place mine{limit, [&] {
                                    std::lock_guard guard{mutex};
                                    granted = true;
                                    changed.notify_one();
                                  }};
    for (int i = 0; i < 5000; ++i) {
      if (!mine.acquire()) {
        std::unique_lock lock{mutex};
        changed.wait(lock, [&] { return granted; });
        granted = false;
      }
      auto now = ++holding;
      for (auto seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
        // another thread saw more
      }
      ++times;
      --holding;
      if (i % 3 == 0)
        mine.pass_on();
      else
        mine.release();
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back(work);
  for (auto& each : threads)
    each.join();
  CHECK(times == 30000);
  CHECK(most <= 2);
}

TEST_CASE("a place is passed on after a while to who is in line, and kept when nobody is") {
  concurrency_limit limit{1};
  auto granted = 0;
  concurrency_limit::place mine{limit, [] {}};
  concurrency_limit::place other{limit, [&granted] { ++granted; }};
  CHECK(mine.acquire());
  mine.pass_on();
  CHECK(mine.held());
  CHECK_FALSE(other.acquire());
  auto begin = std::chrono::steady_clock::now();
  while (mine.held())
    mine.pass_on();
  CHECK(std::chrono::steady_clock::now() - begin >= concurrency_limit::time_slice);
  CHECK(granted == 1);
  CHECK(other.held());
  CHECK_FALSE(mine.acquire());
  other.release();
  CHECK(mine.held());
}

TEST_CASE("a place that is passed on when there are fewer of them goes") {
  concurrency_limit limit{2};
  concurrency_limit::place a{limit, [] {}};
  concurrency_limit::place b{limit, [] {}};
  CHECK(a.acquire());
  CHECK(b.acquire());
  limit.set_places(1);
  a.pass_on();
  CHECK_FALSE(a.held());
  b.pass_on();
  CHECK(b.held());
}

TEST_CASE("more places are given to those in line at once, without anybody leaving") {
  concurrency_limit limit{1};
  std::vector<int> granted;
  std::vector<std::unique_ptr<concurrency_limit::place>> places;
  for (int i = 0; i < 5; ++i) {
    places.push_back(
      std::make_unique<concurrency_limit::place>(limit, [&granted, i] { granted.push_back(i); }));
    CHECK(places.back()->acquire() == (i == 0));
  }
  limit.set_places(3);
  CHECK(granted == std::vector<int>{1, 2});
  limit.set_places(100);
  CHECK(granted == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("with fewer places who holds one keeps it, and the next waits until few enough do") {
  concurrency_limit limit{3};
  auto granted = 0;
  concurrency_limit::place a{limit, [] {}};
  concurrency_limit::place b{limit, [] {}};
  concurrency_limit::place c{limit, [] {}};
  concurrency_limit::place next{limit, [&granted] { ++granted; }};
  for (auto* each : {&a, &b, &c})
    CHECK(each->acquire());
  limit.set_places(1);
  CHECK_FALSE(next.acquire());
  a.release();
  b.release();
  CHECK(granted == 0);
  CHECK(c.held());
  c.release();
  CHECK(granted == 1);
}
