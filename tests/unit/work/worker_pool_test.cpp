#include "runtime/work/worker_pool.hpp"
#include "tests/fakes/add_stage.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <latch>
#include <map>

using namespace keyloom;
using namespace std::chrono_literals;

namespace {

/// Counts what came back; tests wait for it instead of sleeping.
class counting_return final : public core::return_port {
public:
  void finished(core::run&& part) override {
    std::lock_guard guard{mutex_};
    while (auto* j = part.take()) {
      jobs_.push_back(static_cast<detail::typed_job<int, int>*>(j));
      keys_.emplace_back(j->key);
      auto& result = static_cast<detail::typed_job<int, int>*>(j)->result;
      ok_.push_back(result && *result);
      unbegun_.push_back(j->unbegun);
      kept_.push_back(j->timed_out && j->keeps_key);
    }
    changed_.notify_all();
  }

  void call_returned(uint32_t, uint32_t, uint32_t jobs) override {
    std::lock_guard guard{mutex_};
    returned_ += jobs;
    changed_.notify_all();
  }

  void delivered(std::vector<core::delivery>&&) override { FAIL("nothing was sent"); }

  void wait_for(size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return keys_.size() >= count; });
  }

  void wait_for_late(size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return returned_ >= count; });
  }

  size_t late() {
    std::lock_guard guard{mutex_};
    return returned_;
  }

  std::vector<int> payloads() {
    std::lock_guard guard{mutex_};
    std::vector<int> result;
    for (auto* j : jobs_)
      result.push_back(*j->payload);
    return result;
  }

  int& payload(size_t index) {
    std::lock_guard guard{mutex_};
    return *jobs_[index]->payload;
  }

  std::vector<std::string> keys() {
    std::lock_guard guard{mutex_};
    return keys_;
  }

  std::vector<bool> ok() {
    std::lock_guard guard{mutex_};
    return ok_;
  }

  /// Which came back as they were.
  std::vector<bool> unbegun() {
    std::lock_guard guard{mutex_};
    return unbegun_;
  }

  /// Which came back while their calls went on.
  std::vector<bool> kept() {
    std::lock_guard guard{mutex_};
    return kept_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<detail::typed_job<int, int>*> jobs_;
  std::vector<std::string> keys_;
  std::vector<bool> ok_;
  std::vector<bool> kept_;
  std::vector<bool> unbegun_;
  size_t returned_ = 0; // calls that outlived their jobs
};

using function = std::function<int(std::string_view, int&)>;

/// A pool of one stage that calls `call`.
struct pool_rig {
  template <class Function>
  pool_rig(uint32_t concurrency, Function call, std::chrono::milliseconds timeout = {},
           const retry_policy& retry = {}) {
    auto source = std::make_shared<core::plan>();
    source->config.retry = retry;
    fakes::add_stage<no_store, int, int>(*source, "stage", blocking(std::move(call)),
                                         detail::no_finalizer{},
                                         {.limits = {}, .timeout = timeout});
    memory = caf::make_counted<core::work_memory>(source);
    memory->returns_to(back);
    pool = std::make_unique<work::worker_pool>(*source, std::vector<uint32_t>{concurrency});
  }

  ~pool_rig() { pool.reset(); }

  /// Gives `count` jobs of a key to the pool, numbered on from those before.
  void give(const std::string& key, int count = 1) {
    core::run jobs;
    jobs.memory = memory;
    for (; count > 0; --count) {
      auto& j = memory->make_job(0);
      j.own_key = key;
      j.key = j.own_key;
      static_cast<detail::typed_job<int, int>&>(j).payload.emplace(next_++);
      jobs.append(j);
    }
    auto& strand = strands[key];
    if (strand == nullptr)
      strand = caf::make_counted<work::strand>(0u);
    if (strand->push(std::move(jobs)))
      pool->submit(strand);
  }

  int next_ = 0;
  std::shared_ptr<counting_return> back = std::make_shared<counting_return>();
  core::work_memory_ptr memory;
  std::map<std::string, work::strand_ptr> strands;
  std::unique_ptr<work::worker_pool> pool;
};

} // namespace

TEST_CASE("I3: calls of a key never overlap and come in order, while other keys go on") {
  std::mutex mutex;
  std::map<std::string, int> last;
  std::map<std::string, int> inside;
  auto wrong = 0;
  pool_rig rig{4, [&](std::string_view key, int& number) {
                 std::string name{key};
                 {
                   std::lock_guard guard{mutex};
                   wrong += inside[name]++ != 0;
                   wrong += last.contains(name) && last[name] >= number;
                   last[name] = number;
                 }
                 std::this_thread::yield();
                 std::lock_guard guard{mutex};
                 --inside[name];
                 return 0;
               }};
  for (int i = 0; i < 600; ++i)
    rig.give("key" + std::to_string(i % 7), 1 + i % 3);
  rig.back->wait_for(1200);
  CHECK(wrong == 0);
}

TEST_CASE("as many calls run at once as the stage's concurrency allows, and no more") {
  std::latch three_inside{3};
  std::latch go_on{1};
  std::atomic<int> inside = 0;
  std::atomic<bool> too_many = false;
  pool_rig rig{3, [&](std::string_view, int& number) {
                 if (++inside > 3)
                   too_many = true;
                 if (number < 3)
                   three_inside.count_down();
                 go_on.wait();
                 --inside;
                 return 0;
               }};
  for (int i = 0; i < 9; ++i)
    rig.give("key" + std::to_string(i));
  three_inside.wait();
  CHECK(rig.pool->running() == 3);
  go_on.count_down();
  rig.back->wait_for(9);
  CHECK_FALSE(too_many);
}

TEST_CASE("a higher concurrency begins more calls at once, though none has returned") {
  std::latch one_inside{1};
  std::latch four_inside{4};
  std::latch go_on{1};
  pool_rig rig{1, [&](std::string_view, int& number) {
                 if (number == 0)
                   one_inside.count_down();
                 if (number < 4)
                   four_inside.count_down();
                 go_on.wait();
                 return 0;
               }};
  for (int i = 0; i < 6; ++i)
    rig.give("key" + std::to_string(i));
  one_inside.wait();
  CHECK(rig.pool->running() == 1);
  rig.pool->set_concurrency(0, 4);
  four_inside.wait(); // hangs if those in line wait for a call to return
  CHECK(rig.pool->running() == 4);
  go_on.count_down();
  rig.back->wait_for(6);
}

TEST_CASE("a lower concurrency lets finish what runs and begins no more than it allows") {
  std::latch three_inside{3};
  std::latch go_on{1};
  std::atomic<int> inside = 0;
  std::atomic<int> begun = 0;
  std::atomic<bool> too_many = false;
  pool_rig rig{3, [&](std::string_view, int&) {
                 auto now = ++inside;
                 if (++begun > 3 && now > 1)
                   too_many = true;
                 else if (begun <= 3)
                   three_inside.count_down();
                 go_on.wait();
                 --inside;
                 return 0;
               }};
  for (int i = 0; i < 3; ++i)
    rig.give("key" + std::to_string(i), 5); // a worker that has such a run leaves it, too
  three_inside.wait();
  for (int i = 3; i < 40; ++i)
    rig.give("key" + std::to_string(i));
  rig.pool->set_concurrency(0, 1);
  go_on.count_down();
  rig.back->wait_for(52);
  CHECK_FALSE(too_many);
}

TEST_CASE("I9: a pool that was stopped begins nothing when its concurrency is raised") {
  pool_rig rig{1, [](std::string_view, int&) { return 0; }};
  rig.pool->stop();
  rig.pool->set_concurrency(0, 4);
  rig.give("a");
  CHECK(rig.pool->running() == 0);
}

TEST_CASE("a call that throws fails its job, and the key's next ones go on") {
  pool_rig rig{1, [](std::string_view, int& number) {
                 if (number == 0)
                   throw std::runtime_error{"no"};
                 if (number == 1)
                   throw 42;
                 return number;
               }};
  rig.give("a", 3);
  rig.back->wait_for(3);
  CHECK(rig.back->ok() == std::vector<bool>{false, false, true});
}

TEST_CASE("I3: where what failed is called again, the key's next ones come back as they were") {
  std::atomic<int> calls = 0;
  auto timeout = GENERATE(0ms, std::chrono::milliseconds{1h});
  pool_rig rig{1,
               [&](std::string_view, int& number) {
                 ++calls;
                 return number != 1 ? caf::expected<int>{0} : caf::make_error(errc::bad_config);
               },
               timeout,
               {.times = 1}};
  rig.give("a", 4);
  rig.back->wait_for(4);
  CHECK(rig.back->payloads() == std::vector<int>{0, 1, 2, 3});
  CHECK(rig.back->ok() == std::vector<bool>{true, false, false, false});
  CHECK(rig.back->unbegun() == std::vector<bool>{false, false, true, true});
  CHECK(calls == 2);
}

TEST_CASE("I3: a call that takes too long and is made again has the key's next ones come back when "
          "it has returned") {
  std::latch go_on{1};
  pool_rig rig{1,
               [&](std::string_view, int&) {
                 go_on.wait();
                 return 0;
               },
               20ms,
               {.times = 1}};
  rig.give("a", 2);
  rig.back->wait_for(1);
  CHECK(rig.back->unbegun() == std::vector<bool>{false});
  go_on.count_down();
  rig.back->wait_for(2);
  CHECK(rig.back->late() == 1);
  CHECK(rig.back->unbegun() == std::vector<bool>{false, true});
}

TEST_CASE("a hot key lets others of its stage have its worker when its time slice is over") {
  std::latch others_wait{1};
  std::atomic<bool> cold_came = false;
  std::atomic<int> hot_calls = 0;
  std::function<void()> more_hot;
  pool_rig rig{1, [&](std::string_view key, int&) {
                 if (key == "cold") {
                   cold_came = true;
                   return 0;
                 }
                 others_wait.wait();
                 ++hot_calls;
                 more_hot(); // always has work while the cold key waits
                 return 0;
               }};
  more_hot = [&] {
    if (!cold_came)
      rig.give("hot");
  };
  rig.give("hot");
  rig.give("cold"); // from here on only the worker touches `rig`
  others_wait.count_down();
  while (!cold_came) // forever if the hot key keeps its worker
    std::this_thread::yield();
  CHECK(hot_calls > 1);
  rig.pool->stop();
}

TEST_CASE("finished work of a long run comes back while the run goes on") {
  std::latch first_came_back{1};
  pool_rig rig{1, [&](std::string_view, int& number) {
                 if (number == 0) { // longer than the report interval
                   auto until = std::chrono::steady_clock::now()
                                + work::worker_pool::report_interval;
                   while (std::chrono::steady_clock::now() < until)
                     std::this_thread::yield();
                 } else if (number == 1) {
                   first_came_back.wait();
                 }
                 return 0;
               }};
  rig.give("a", 2);
  rig.back->wait_for(1); // hangs if the run's first part waits for its second
  first_came_back.count_down();
  rig.back->wait_for(2);
}

TEST_CASE("I6: after a partition was given up none of its calls begins") {
  std::latch inside{1};
  std::latch go_on{1};
  std::atomic<int> calls = 0;
  pool_rig rig{1, [&](std::string_view, int&) {
                 if (calls++ == 0)
                   inside.count_down();
                 go_on.wait();
                 return 0;
               }};
  rig.give("a", 3);
  inside.wait();
  rig.memory->give_up();
  // Another partition's job, with the same and only worker, tells when the given up one's are done
  // with.
  auto plan = std::make_shared<core::plan>();
  fakes::add_stage<no_store, int, int>(*plan, "stage", blocking(function{}),
                                       detail::no_finalizer{});
  auto given_up = std::exchange(rig.memory, caf::make_counted<core::work_memory>(plan));
  auto back = std::make_shared<counting_return>();
  rig.memory->returns_to(back);
  rig.give("b");
  go_on.count_down();
  back->wait_for(1);
  CHECK(calls == 2);
}

TEST_CASE("I9: a stop waits for the call in progress and drops what has not begun") {
  std::latch inside{1};
  std::latch go_on{1};
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  pool_rig rig{1, [&](std::string_view, int&) {
                 if (begun++ == 0)
                   inside.count_down();
                 go_on.wait();
                 ++ended;
                 return 0;
               }};
  rig.give("a", 3);
  rig.give("b", 2);
  inside.wait();
  std::thread stopping{[&] { rig.pool->stop(); }};
  // A stop empties the lines: then nobody but the test holds a strand that waited there.
  while (rig.strands["b"]->get_reference_count() != 1)
    std::this_thread::yield();
  CHECK(ended == 0);
  go_on.count_down();
  stopping.join();
  CHECK(begun == 1);
  CHECK(ended == 1);
}

TEST_CASE(
  "I3, I5: a call that takes too long fails its job once and keeps its key until it returns; "
  "other keys go on") {
  std::latch go_on{1};
  std::atomic<int> calls = 0;
  pool_rig rig{2,
               [&](std::string_view, int& number) {
                 ++calls;
                 if (number == 1)
                   go_on.wait();
                 return number;
               },
               20ms};
  rig.give("a", 3);
  rig.back->wait_for(2);
  CHECK(rig.back->ok() == std::vector<bool>{true, false}); // what was done before it came along
  CHECK(rig.back->kept() == std::vector<bool>{false, true});
  rig.give("b", 5);
  rig.back->wait_for(7);
  CHECK(rig.back->keys() == std::vector<std::string>{"a", "a", "b", "b", "b", "b", "b"});
  CHECK(calls == 7);
  CHECK(rig.back->late() == 0);
  go_on.count_down();
  rig.back->wait_for(8);
  CHECK(rig.back->keys().back() == "a");
  CHECK(rig.back->ok().back());
  CHECK(rig.back->late() == 1);
}

TEST_CASE(
  "with a timeout the function works on a copy of the job, and gives it back in time only") {
  std::latch go_on{1};
  pool_rig rig{1,
               [&](std::string_view, int& number) {
                 if (number == 1)
                   go_on.wait();
                 number += 100;
                 return number;
               },
               20ms};
  rig.give("a", 2);
  rig.back->wait_for(2);
  auto payloads = rig.back->payloads();
  CHECK(payloads == std::vector<int>{100, 1});
  rig.back->payload(1) = 7; // finalized, and another's by now
  go_on.count_down();
  rig.back->wait_for_late(1);
  CHECK(rig.back->payload(1) == 7);
}

TEST_CASE("I9: a stop waits for a call whose timeout passes meanwhile") {
  std::latch inside{1};
  std::latch go_on{1};
  std::atomic<bool> ended = false;
  pool_rig rig{1,
               [&](std::string_view, int&) {
                 inside.count_down();
                 go_on.wait();
                 ended = true;
                 return 0;
               },
               20ms};
  rig.give("a");
  inside.wait();
  std::thread stopping{[&] { rig.pool->stop(); }};
  rig.back->wait_for(1); // its timeout
  CHECK_FALSE(ended);
  go_on.count_down();
  stopping.join();
  CHECK(ended);
  CHECK(rig.back->late() == 1);
}

TEST_CASE("I3: by run, a call that takes too long fails all its jobs, and the key waits for it") {
  std::latch go_on{1};
  std::atomic<int> calls = 0;
  pool_rig rig{1, by_run([&](std::string_view, std::span<int* const> jobs) {
                 if (++calls == 1)
                   go_on.wait();
                 return std::vector<int>(jobs.size(), 1);
               }),
               20ms};
  rig.give("a", 3);
  rig.back->wait_for(3);
  CHECK(rig.back->ok() == std::vector<bool>{false, false, false});
  rig.give("a", 2);
  CHECK(calls == 1);
  go_on.count_down();
  rig.back->wait_for(5);
  CHECK(calls == 2);
  CHECK(rig.back->late() == 3);
}
