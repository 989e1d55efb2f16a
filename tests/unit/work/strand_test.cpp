#include "runtime/work/strand.hpp"
#include "tests/fakes/add_stage.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <latch>
#include <thread>

using namespace keyloom;

namespace {

struct strand_rig {
  strand_rig() {
    auto source = std::make_shared<core::plan>();
    fakes::add_stage<no_store, int, void>(*source, "stage", blocking([](std::string_view, int&) {}),
                                          detail::no_finalizer{});
    memory = caf::make_counted<core::work_memory>(source);
  }

  core::run jobs(uint32_t count) {
    core::run result;
    result.memory = memory;
    for (; count > 0; --count)
      result.append(memory->make_job(0));
    return result;
  }

  core::work_memory_ptr memory;
  work::strand_ptr key = caf::make_counted<work::strand>(0u);
};

} // namespace

TEST_CASE("I3: only who finds a strand idle may submit it") {
  strand_rig rig;
  CHECK(rig.key->push(rig.jobs(1)));
  CHECK_FALSE(rig.key->push(rig.jobs(1)));
  CHECK(rig.key->take().count == 2);
  CHECK_FALSE(rig.key->push(rig.jobs(1))); // its worker still holds it
  CHECK(rig.key->take().count == 1);
  CHECK(rig.key->take().empty());
  CHECK(rig.key->push(rig.jobs(1)));
}

TEST_CASE("I3: jobs leave a strand in the order they came") {
  strand_rig rig;
  std::vector<detail::job*> order;
  for (auto count : {2u, 1u, 3u}) {
    auto more = rig.jobs(count);
    for (auto* j = more.first; j != nullptr; j = j->next)
      order.push_back(j);
    rig.key->push(std::move(more));
  }
  auto taken = rig.key->take();
  CHECK(taken.memory == rig.memory);
  for (auto* expected : order)
    REQUIRE(taken.take() == expected);
  CHECK(taken.empty());
}

TEST_CASE("I3: one worker at a time holds a strand, and no job is lost, while others push") {
  strand_rig rig;
  constexpr uint32_t total = 5000;
  std::vector<core::run> parts;
  for (uint32_t i = 0; i < total; ++i)
    parts.push_back(rig.jobs(1));
  std::atomic<int> holders = 0;
  std::atomic<bool> overlapped = false;
  std::atomic<uint32_t> seen = 0;
  std::latch begin{2};
  auto push_and_work = [&](uint32_t first) {
    begin.arrive_and_wait();
    for (auto i = first; i < total; i += 2)
      if (rig.key->push(std::move(parts[i])))
        for (auto jobs = rig.key->take(); !jobs.empty(); jobs = rig.key->take()) {
          if (holders++ != 0)
            overlapped = true;
          seen += jobs.count;
          --holders;
        }
  };
  std::thread one{push_and_work, 0};
  std::thread two{push_and_work, 1};
  one.join();
  two.join();
  CHECK(seen == total);
  CHECK_FALSE(overlapped);
}
