#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using place = fakes::fake_runs::place;

namespace {

/// A stage's queue with jobs made by hand.
struct queue_rig {
  explicit queue_rig(processor_kind how) : queue(0, how, meter, runs) {
    auto source = std::make_shared<core::plan>();
    fakes::add_stage<no_store, int, void>(*source, "stage", blocking([](std::string_view, int&) {}),
                                          detail::no_finalizer{});
    memory = caf::make_counted<core::work_memory>(source);
  }

  detail::job& add(const std::string& key) {
    auto& j = memory->make_job(0);
    j.own_key = key;
    j.key = j.own_key;
    j.key_hash = std::hash<std::string_view>{}(key);
    detail::typed_job<int, void>& typed = static_cast<detail::typed_job<int, void>&>(j);
    typed.payload.emplace(1);
    queue.add(j, memory);
    return j;
  }

  core::stage_meter meter;
  fakes::fake_runs runs;
  core::stage_queue queue;
  core::work_memory_ptr memory;
};

using keys = std::vector<std::string>;

} // namespace

TEST_CASE("jobs leave at the flush, a run for each key, in the order they were scheduled") {
  queue_rig rig{processor_kind::blocking};
  for (auto* key : {"a", "b", "a"})
    rig.add(key);
  CHECK(rig.runs.sent == 0);
  rig.queue.flush();
  CHECK(rig.runs.sent == 2);
  CHECK(rig.runs.keys_at({0, rig.runs.slot_of(0, "a")}) == keys{"a", "a"});
  CHECK(rig.runs.keys_at({0, rig.runs.slot_of(0, "b")}) == keys{"b"});
  rig.queue.flush();
  CHECK(rig.runs.sent == 2);
}

TEST_CASE("I3: a key keeps its slot while it has jobs out, and another may have it afterwards") {
  queue_rig rig{processor_kind::actor};
  auto& first = rig.add("a");
  auto& second = rig.add("a");
  rig.queue.flush();
  auto slot = rig.runs.slot_of(0, "a");
  rig.queue.done(first);
  auto& third = rig.add("a");
  CHECK(third.slot == slot);
  CHECK(rig.runs.idle == 0);
  rig.queue.flush();
  rig.runs.answer({0, slot});
  rig.queue.done(second);
  rig.queue.done(third);
  CHECK(rig.runs.idle == 1);
  CHECK(rig.add("b").slot == slot);
  rig.queue.flush();
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("I3: a key of a compute stage always takes the same lane, in order") {
  queue_rig rig{processor_kind::compute};
  for (int i = 0; i < 200; ++i)
    rig.add("key" + std::to_string(i % 50));
  rig.queue.flush();
  CHECK(rig.runs.sent == core::stage_queue::lanes);
  auto first = rig.runs.keys_at({place::lanes, 0});
  auto second = rig.runs.keys_at({place::lanes, 1});
  CHECK(first.size() + second.size() == 200);
  CHECK_FALSE(first.empty());
  CHECK_FALSE(second.empty());
  for (auto& key : first)
    REQUIRE(std::find(second.begin(), second.end(), key) == second.end());
}

TEST_CASE("a stage takes no more jobs than wait for its workers, over all partitions") {
  queue_rig rig{processor_kind::blocking};
  stage_limits limits{.concurrency = 2, .waiting_per_worker = 3, .concurrent_keys = 100};
  rig.meter.jobs = 7;               // of other partitions
  CHECK(rig.queue.accepts(limits)); // so that every partition gets on
  rig.add("a");
  CHECK_FALSE(rig.queue.accepts(limits));
  rig.meter.jobs = 6;
  CHECK(rig.queue.accepts(limits));
}

TEST_CASE("a stage takes no more keys than its limit, over all partitions") {
  queue_rig rig{processor_kind::blocking};
  stage_limits limits{.concurrency = 2, .waiting_per_worker = 100, .concurrent_keys = 3};
  rig.meter.keys = 1;
  rig.add("a");
  CHECK(rig.queue.accepts(limits));
  rig.add("b");
  CHECK_FALSE(rig.queue.accepts(limits));
}

TEST_CASE("the shared meter is balanced when a partition ends, whatever was flushed") {
  auto how = GENERATE(processor_kind::blocking, processor_kind::compute);
  queue_rig rig{how};
  rig.meter.jobs = 10;
  rig.meter.keys = 5;
  auto& first = rig.add("a");
  rig.add("b");
  rig.queue.flush();
  CHECK(rig.meter.jobs == 12);
  while (!rig.runs.busy().empty())
    rig.runs.answer(rig.runs.busy().front());
  rig.queue.done(first);
  for (auto* key : {"c", "d", "e"})
    rig.add(key);
  rig.queue.give_up();
  CHECK(rig.meter.jobs == 10);
  CHECK(rig.meter.keys == 5);
}
