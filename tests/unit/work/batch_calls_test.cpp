#include "runtime/work/batch_calls.hpp"

#include <keyloom/batcher.hpp>

#include <catch2/catch.hpp>

#include <semaphore>

using namespace keyloom;

namespace {

using executor = std::function<void(batch<int>&)>;
using processor = function_processor<processor_kind::blocking, executor>;
using executing = detail::calling_executor<processor, int>;
using definition = detail::typed_batcher<no_store, int, executing, detail::no_callback>;

/// A batch with one item.
struct one_item {
  detail::item_set<int> set;
  core::batch items;

  one_item() {
    set.items.emplace_back(1);
    items.items.push_back(&set.items.front());
  }
};

std::unique_ptr<definition> batcher_of(executor f) {
  return std::make_unique<definition>("write", batcher_options{}, executing{blocking(std::move(f))},
                                      detail::no_callback{});
}

} // namespace

TEST_CASE("an executed batch comes into the inbox, which wakes once until it is emptied") {
  std::counting_semaphore<> done{0};
  auto wakes = 0;
  auto inbox = std::make_shared<work::batch_inbox>([&] { ++wakes; });
  auto write = batcher_of([&](batch<int>& items) {
    items[0].value = 7;
    done.release();
  });
  one_item first;
  one_item second;
  work::batch_calls calls{std::make_shared<work::thread_set>()};
  calls.call(*write, first.items, inbox);
  calls.call(*write, second.items, inbox);
  done.acquire();
  done.acquire();
  calls.stop(); // waits for what has begun
  CHECK(wakes == 1);
  CHECK(inbox->take().size() == 2);
  CHECK(first.set.items[0].value == 7);
}

TEST_CASE("an executor that throws fails the items that have no error of their own") {
  std::binary_semaphore begun{0};
  auto inbox = std::make_shared<work::batch_inbox>([] {});
  auto write = batcher_of([&](batch<int>&) {
    begun.release();
    throw std::runtime_error("no table");
  });
  one_item mine;
  work::batch_calls calls{std::make_shared<work::thread_set>()};
  calls.call(*write, mine.items, inbox);
  begun.acquire();
  calls.stop();
  CHECK(mine.set.items[0].error == errc::batch_failed);
  CHECK(describe(mine.set.items[0].error) == "the executor of batcher 'write' threw: no table");
}

TEST_CASE("I9: a stop waits for the executions under way, and lets none begin") {
  std::binary_semaphore begun{0};
  std::binary_semaphore release{0};
  std::atomic<int> executed{0};
  auto inbox = std::make_shared<work::batch_inbox>([] {});
  auto write = batcher_of([&](batch<int>&) {
    begun.release();
    release.acquire();
    ++executed;
  });
  one_item first;
  one_item later;
  work::batch_calls calls{std::make_shared<work::thread_set>()};
  calls.call(*write, first.items, inbox);
  begun.acquire();
  CHECK(calls.running() == 1);
  std::thread stopping{[&] { calls.stop(); }};
  release.release();
  stopping.join();
  CHECK(executed == 1);
  CHECK(calls.running() == 0);
  calls.call(*write, later.items, inbox);
  CHECK(inbox->take().size() == 1);
}

TEST_CASE("a batcher that is gone keeps what its calls work with until they have returned") {
  auto kept = std::make_unique<core::batcher>(batcher_options{}, core::batcher::trying{});
  auto woken = false;
  auto inbox = std::make_shared<work::batch_inbox>([&] { woken = true; });
  one_item late;
  inbox->close(std::move(kept));
  inbox->put(late.items);
  CHECK_FALSE(woken);
  CHECK(inbox->take().size() == 1);
}
