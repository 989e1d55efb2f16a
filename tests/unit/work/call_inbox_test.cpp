#include "runtime/work/call_inbox.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <semaphore>
#include <thread>
#include <vector>

using namespace keyloom;

namespace {

std::unique_ptr<detail::job> call(uint32_t number) {
  auto result = std::make_unique<detail::typed_job<int, int>>();
  result->slot = number;
  return result;
}

/// The numbers of the calls that have arrived, in order.
std::vector<uint32_t> take(work::call_inbox& inbox) {
  std::vector<uint32_t> result;
  for (auto* next = inbox.take(); next != nullptr;) {
    std::unique_ptr<detail::job> own{next};
    next = own->next;
    result.push_back(own->slot);
  }
  return result;
}

} // namespace

TEST_CASE("the owner is woken once for all that arrives while it rests") {
  auto woken = 0;
  auto inbox = caf::make_counted<work::call_inbox>([&] { ++woken; });
  for (uint32_t i = 0; i < 3; ++i)
    inbox->completed(call(i));
  CHECK(woken == 1);
  inbox->begin_work();
  CHECK(take(*inbox) == std::vector<uint32_t>{0, 1, 2});
  inbox->completed(call(3));
  inbox->completed(call(4));
  CHECK(woken == 1); // it is at work
  CHECK_FALSE(inbox->rest());
  CHECK(take(*inbox) == std::vector<uint32_t>{3, 4});
  CHECK(inbox->rest());
  inbox->completed(call(5));
  CHECK(woken == 2);
}

TEST_CASE("a signal wakes the owner that rests, and keeps the one at work from resting") {
  auto woken = 0;
  auto inbox = caf::make_counted<work::call_inbox>([&] { ++woken; });
  inbox->signal();
  CHECK(woken == 1);
  inbox->begin_work();
  CHECK(take(*inbox).empty());
  inbox->signal();
  CHECK(woken == 1);
  CHECK_FALSE(inbox->rest());
  CHECK(take(*inbox).empty());
  CHECK(inbox->rest());
}

TEST_CASE("a closed inbox wakes nobody and frees what it has and what still comes") {
  auto woken = 0;
  auto inbox = caf::make_counted<work::call_inbox>([&] { ++woken; });
  inbox->begin_work();
  inbox->completed(call(0));
  inbox->completed(call(1));
  inbox->close();
  inbox->completed(call(2)); // the address sanitizer sees what is not freed
  inbox->signal();
  inbox->close();
  CHECK(woken == 0);
}

TEST_CASE("calls that many threads complete all arrive, whether the owner rests or works") {
  constexpr uint32_t threads = 4;
  constexpr uint32_t each = 20'000;
  std::counting_semaphore<> awake{0};
  auto inbox = caf::make_counted<work::call_inbox>([&] { awake.release(); });
  std::vector<std::thread> senders;
  for (uint32_t i = 0; i < threads; ++i)
    senders.emplace_back([&, i] {
      for (uint32_t n = 0; n < each; ++n)
        inbox->completed(call(i * each + n));
    });
  std::vector<uint32_t> next(threads, 0);
  auto in_order = true;
  for (uint32_t seen = 0; seen < threads * each;) {
    awake.acquire(); // hangs when a wake-up is lost
    inbox->begin_work();
    do {
      for (auto number : take(*inbox)) {
        in_order &= next[number / each]++ == number % each;
        ++seen;
      }
    } while (!inbox->rest());
  }
  CHECK(in_order);
  for (auto& each_sender : senders)
    each_sender.join();
}

TEST_CASE("closing while others complete calls loses none and leaves none behind") {
  for (int round = 0; round < 200; ++round) {
    auto inbox = caf::make_counted<work::call_inbox>([] {});
    std::thread sender{[&] {
      for (uint32_t n = 0; n < 50; ++n)
        inbox->completed(call(n));
    }};
    inbox->close();
    sender.join();
  }
}
