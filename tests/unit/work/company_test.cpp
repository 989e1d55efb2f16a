#include "runtime/work/company.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <thread>
#include <vector>

using keyloom::work::company;
using manner = company::manner;

namespace {

/// Callers that note when they are let in.
struct callers {
  explicit callers(int count) {
    for (int i = 0; i < count; ++i)
      all.push_back(std::make_unique<company::member>([this, i] { admitted.push_back(i); }));
  }
  bool join(size_t who, manner how = manner::among_others) { return all[who]->join(here, how); }
  company::member& operator[](size_t who) { return *all[who]; }

  company here;
  std::vector<std::unique_ptr<company::member>> all;
  std::vector<int> admitted;
};

} // namespace

TEST_CASE("any number of callers are inside at once while nobody wants to be alone") {
  callers who{3};
  for (size_t i : {0, 1, 2, 1})
    CHECK(who.join(i));
  for (size_t i : {0, 1, 2})
    CHECK(who[i].pass_on());
  CHECK(who.admitted.empty());
}

TEST_CASE("who wants to be alone waits for all who are inside, and keeps the others out") {
  callers who{5};
  CHECK(who.join(0));
  CHECK(who.join(1));
  CHECK_FALSE(who.join(2, manner::alone));
  CHECK_FALSE(who.join(3));
  CHECK_FALSE(who.join(4));
  who[0].leave();
  CHECK(who.admitted.empty());
  CHECK_FALSE(who[1].pass_on()); // has another call to make, but steps aside
  CHECK(who.admitted == std::vector<int>{2});
  CHECK(who.join(2, manner::alone));
  CHECK_FALSE(who.join(1));
  who[2].leave();
  CHECK(who.admitted == std::vector<int>{2, 3, 4, 1});
  CHECK(who.join(0));
}

TEST_CASE("those who want to be alone come one after the other, before all others") {
  callers who{4};
  CHECK(who.join(0, manner::alone));
  CHECK_FALSE(who.join(1));
  CHECK_FALSE(who.join(2, manner::alone));
  CHECK_FALSE(who.join(3, manner::alone));
  CHECK_FALSE(who[0].pass_on()); // alone for one call
  CHECK(who.admitted == std::vector<int>{2});
  who[2].leave();
  CHECK(who.admitted == std::vector<int>{2, 3});
  who[3].leave();
  CHECK(who.admitted == std::vector<int>{2, 3, 1});
}

TEST_CASE("who leaves the line, or is destroyed in it, is not let in and holds nobody up") {
  callers who{4};
  CHECK(who.join(0));
  CHECK_FALSE(who.join(1, manner::alone));
  CHECK_FALSE(who.join(2));
  CHECK_FALSE(who.join(3));
  who[3].leave();
  who.all[1] = nullptr;
  CHECK(who.admitted == std::vector<int>{2});
}

TEST_CASE("an abandoned request excuses one death, if it may still be at the instance") {
  callers who{2};
  CHECK(who.join(0));
  who[0].abandon();
  who[0].leave();
  CHECK(who.join(1, manner::alone));
  CHECK(who[1].excused());
  CHECK_FALSE(who[1].excused());
  who[1].abandon();
  who.here.renewed();
  CHECK_FALSE(who[1].excused());
}

TEST_CASE("nobody is inside with who is alone, when many threads come and go") {
  company here;
  std::atomic<int> among{0}, alone{0}, together{0};
  auto work = [&](int number) {
    std::mutex mutex;
    std::condition_variable changed;
    auto admitted = false;
    company::member mine{[&] {
      std::lock_guard guard{mutex};
      admitted = true;
      changed.notify_one();
    }};
    for (int i = 0; i < 4000; ++i) {
      auto wants_alone = (i + number) % 7 == 0;
      if (!mine.join(here, wants_alone ? manner::alone : manner::among_others)) {
        std::unique_lock lock{mutex};
        changed.wait(lock, [&] { return admitted; });
        admitted = false;
      }
      auto& own = wants_alone ? alone : among;
      ++own;
      together += alone > 1 || (alone == 1 && among > 0) ? 1 : 0;
      --own;
      mine.leave();
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back(work, i);
  for (auto& each : threads)
    each.join();
  CHECK(together == 0);
}
