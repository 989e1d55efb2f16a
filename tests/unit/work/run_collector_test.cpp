#include "runtime/work/run_collector.hpp"
#include "tests/fakes/add_stage.hpp"
#include "tests/fakes/fake_return.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <semaphore>
#include <thread>

using namespace keyloom;
using std::chrono::steady_clock;

namespace {

/// A partition's way back that other threads than one can be held up in.
class gated_return final : public core::return_port {
public:
  void finished(core::run&& part) override {
    auto self = std::this_thread::get_id();
    auto free = free_.load();
    ++began;
    sender_.store(self);
    came_.release();
    if (free != std::thread::id{} && self != free)
      gate_.acquire();
    arrived.finished(std::move(part));
  }

  void call_returned(uint32_t, uint32_t, uint32_t) override {
    // the collector does not know of calls
  }

  void delivered(std::vector<core::delivery>&&) override {
    // nor of outputs
  }

  /// Who brings the next report that has not been asked for; waits for it.
  std::thread::id next_sender() {
    came_.acquire();
    return sender_;
  }

  void holds_up_others_than(std::thread::id thread) {
    while (came_.try_acquire()) {}
    free_ = thread;
  }

  void let_go() {
    free_ = std::thread::id{};
    gate_.release();
  }

  std::atomic<int> began = 0; ///< reports, also the one that is held up
  fakes::fake_return arrived;

private:
  std::atomic<std::thread::id> free_{};
  std::atomic<std::thread::id> sender_{};
  std::counting_semaphore<> came_{0};
  std::counting_semaphore<> gate_{0};
};

/// The work of one partition.
struct source_of_runs {
  source_of_runs() {
    auto source = std::make_shared<core::plan>();
    fakes::add_stage<no_store, int, void>(*source, "stage", blocking([](std::string_view, int&) {}),
                                          detail::no_finalizer{});
    memory = caf::make_counted<core::work_memory>(source);
    memory->returns_to(port);
  }

  /// A run of one job.
  core::run next() {
    core::run result;
    result.memory = memory;
    result.append(memory->make_job(0));
    made.push_back(result.first);
    return result;
  }

  /// All jobs that came home, as they came.
  std::vector<detail::job*> home() {
    for (auto& part : port->arrived.take())
      while (auto* j = part.take())
        home_.push_back(j);
    return home_;
  }

  /// True when all came home, in the order they were made.
  bool all_home() {
    while (home().size() < made.size())
      std::this_thread::yield();
    return home() == made;
  }

  std::shared_ptr<gated_return> port = std::make_shared<gated_return>();
  core::work_memory_ptr memory;
  std::vector<detail::job*> made;

private:
  std::vector<detail::job*> home_;
};

void let_the_interval_pass() {
  auto until = steady_clock::now() + 2 * work::run_collector::interval;
  while (steady_clock::now() < until)
    std::this_thread::yield();
}

} // namespace

TEST_CASE("a run that ends alone goes home at once") {
  source_of_runs partition;
  work::run_collector collector;
  for (int i = 0; i < 3; ++i) {
    collector.finished(partition.next());
    REQUIRE(partition.home() == partition.made);
    let_the_interval_pass();
  }
}

TEST_CASE("runs that end close together go home together, in order, one for each partition") {
  source_of_runs one;
  source_of_runs other;
  work::run_collector collector;
  constexpr int runs = 10'000;
  for (int i = 0; i < runs; ++i) {
    collector.finished(one.next());
    collector.finished(other.next());
  }
  CHECK(one.all_home());
  CHECK(other.all_home());
  CHECK(one.port->began + other.port->began < runs / 2); // about one each in 200 us
}

TEST_CASE("no run passes those that are on their way home") {
  source_of_runs partition;
  work::run_collector collector;
  auto& port = *partition.port;
  std::thread::id sender;
  // One that goes at once, and one right behind it, which the collector's thread takes home. When
  // this thread was too late for that, again.
  for (auto here = std::this_thread::get_id(); sender == std::thread::id{} || sender == here;) {
    let_the_interval_pass();
    collector.finished(partition.next());
    port.holds_up_others_than(here);
    collector.finished(partition.next());
    sender = port.next_sender();
  }
  let_the_interval_pass();
  collector.finished(partition.next()); // nothing was gathered, and the interval is over
  CHECK(partition.home().size() + 2 == partition.made.size());
  port.let_go();
  CHECK(partition.all_home());
}

TEST_CASE("a stop sends home what was gathered; later runs go at once") {
  source_of_runs partition;
  work::run_collector collector;
  for (int i = 0; i < 100; ++i)
    collector.finished(partition.next());
  collector.stop();
  CHECK(partition.home() == partition.made);
  collector.finished(partition.next());
  CHECK(partition.home() == partition.made);
}
