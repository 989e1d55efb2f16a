#include "runtime/core/stage_queue.hpp"
#include "tests/fakes/add_stage.hpp"
#include "tests/fakes/fake_runs.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using place = fakes::fake_runs::place;

namespace {

/// A stage's queue with jobs made by hand.
struct queue_rig {
  template <class Processor>
  explicit queue_rig(Processor processor, stage_mode mode = stage_mode::by_key,
                     bool retries = false) {
    auto source = std::make_shared<core::plan>();
    source->config.retry.times = retries ? 1 : 0;
    fakes::add_stage<no_store, int, void>(*source, "stage", processor, detail::no_finalizer{},
                                          {.mode = mode});
    memory = caf::make_counted<core::work_memory>(source);
    queue = std::make_unique<core::stage_queue>(0, *source->stages[0], meter, runs, true, retries);
  }

  /// Without a key: a job without a key.
  detail::job& make(std::optional<std::string> key) {
    auto& j = memory->make_job(0);
    j.own_key = key.value_or("");
    j.key = key ? std::string_view{j.own_key} : std::string_view{};
    j.key_hash = key ? std::hash<std::string_view>{}(*key) : 0;
    return j;
  }

  detail::job& add(std::optional<std::string> key) {
    auto& j = make(std::move(key));
    static_cast<detail::typed_job<int, void>&>(j).payload.emplace(1);
    queue->add(j, memory);
    return j;
  }

  /// The pass, or null: it need not wait.
  detail::job* add_pass(std::optional<std::string> key) {
    auto& j = make(std::move(key));
    return queue->add_pass(j) ? &j : nullptr;
  }

  /// The passes that had to wait for this job and no longer.
  std::vector<detail::job*> done(detail::job& j) {
    core::run passes;
    queue->done(j, passes);
    std::vector<detail::job*> result;
    while (auto* pass = passes.take())
      result.push_back(pass);
    return result;
  }

  void answer_all() {
    while (!runs.busy().empty())
      runs.answer(runs.busy().front());
  }

  core::stage_meter meter;
  fakes::fake_runs runs;
  core::work_memory_ptr memory;
  std::unique_ptr<core::stage_queue> queue;
};

auto a_blocking_one() {
  return blocking([](std::string_view, int&) {});
}

auto a_compute_one() {
  return compute([](std::string_view, int&) {});
}

auto a_compute_one_by_run() {
  return compute(by_run([](std::string_view, std::span<int* const>) {}));
}

using keys = std::vector<std::string>;
using jobs = std::vector<detail::job*>;

} // namespace

TEST_CASE("jobs leave at the flush, a run for each key, in the order they were scheduled") {
  queue_rig rig{a_blocking_one()};
  for (auto* key : {"a", "b", "a"})
    rig.add(key);
  CHECK(rig.runs.sent == 0);
  rig.queue->flush();
  CHECK(rig.runs.sent == 2);
  CHECK(rig.runs.keys_at({0, rig.runs.slot_of(0, "a")}) == keys{"a", "a"});
  CHECK(rig.runs.keys_at({0, rig.runs.slot_of(0, "b")}) == keys{"b"});
  rig.queue->flush();
  CHECK(rig.runs.sent == 2);
}

TEST_CASE("I3: a key keeps its slot while it has jobs out, and another may have it afterwards") {
  queue_rig rig{a_blocking_one()};
  auto& first = rig.add("a");
  auto& second = rig.add("a");
  rig.queue->flush();
  auto slot = rig.runs.slot_of(0, "a");
  rig.done(first);
  auto& third = rig.add("a");
  CHECK(third.slot == slot);
  CHECK(rig.runs.idle == 0);
  rig.queue->flush();
  rig.runs.answer({0, slot});
  rig.done(second);
  rig.done(third);
  CHECK(rig.runs.idle == 1);
  CHECK(rig.add("b").slot == slot);
  rig.queue->flush();
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("I3: a key whose call outlives its job keeps its slot until the call returns") {
  queue_rig rig{a_blocking_one()};
  auto& overdue = rig.add("a");
  rig.queue->flush();
  auto slot = rig.runs.slot_of(0, "a");
  rig.runs.answer({0, slot});
  overdue.timed_out = true;
  overdue.keeps_key = true;
  CHECK(rig.done(overdue).empty());
  CHECK(rig.runs.idle == 0);
  CHECK(rig.add("b").slot != slot);
  auto* pass = rig.add_pass("a");
  REQUIRE(pass != nullptr);
  auto& next = rig.add("a");
  CHECK(next.slot == slot);
  rig.queue->flush();
  core::run passes;
  rig.queue->call_returned(slot, 1, passes);
  CHECK(passes.take() == pass);
  CHECK(rig.runs.idle == 0);
  rig.runs.answer({0, slot});
  CHECK(rig.done(next).empty());
  CHECK(rig.runs.idle == 1);
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("I3: a key of a compute stage always takes the same lane, in order") {
  queue_rig rig{a_compute_one()};
  for (int i = 0; i < 200; ++i)
    rig.add("key" + std::to_string(i % 50));
  rig.queue->flush();
  CHECK(rig.runs.sent == core::stage_queue::lanes);
  auto first = rig.runs.keys_at({place::lanes, 0});
  auto second = rig.runs.keys_at({place::lanes, 1});
  CHECK(first.size() + second.size() == 200);
  CHECK_FALSE(first.empty());
  CHECK_FALSE(second.empty());
  for (auto& key : first)
    REQUIRE(std::find(second.begin(), second.end(), key) == second.end());
}

TEST_CASE("I3: by_partition, all jobs of the stage have one slot, in the order scheduled") {
  queue_rig rig{a_blocking_one(), stage_mode::by_partition};
  auto& first = rig.add("a");
  rig.add("b");
  rig.add(std::nullopt);
  auto& last = rig.add("a");
  rig.queue->flush();
  CHECK(rig.runs.sent == 1);
  CHECK(rig.runs.keys_at({0, first.slot}) == keys{"a", "b", "", "a"});
  CHECK(last.slot == first.slot);
  CHECK(rig.meter.keys == 1);
}

TEST_CASE("I3: by_partition, the slot is kept until its last job is done") {
  queue_rig rig{a_blocking_one(), stage_mode::by_partition};
  auto& first = rig.add("a");
  auto& second = rig.add("b");
  rig.queue->flush();
  rig.answer_all();
  rig.done(first);
  CHECK(rig.runs.idle == 0);
  CHECK(rig.add("c").slot == first.slot);
  rig.queue->flush();
  rig.done(second);
  CHECK(rig.runs.idle == 0);
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("by_partition, the slot is taken anew after it was idle") {
  queue_rig rig{a_blocking_one(), stage_mode::by_partition};
  for (size_t round = 1; round <= 3; ++round) {
    auto& only = rig.add(round % 2 == 0 ? "a" : "b");
    CHECK(rig.meter.keys == 1);
    rig.queue->flush();
    rig.answer_all();
    rig.done(only);
    CHECK(rig.meter.keys == 0);
    CHECK(rig.runs.idle == round);
  }
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("I3: by_partition, all jobs of a compute stage take one lane") {
  queue_rig rig{a_compute_one(), stage_mode::by_partition};
  keys added;
  for (int i = 0; i < 40; ++i)
    rig.add(added.emplace_back("key" + std::to_string(i)));
  rig.queue->flush();
  REQUIRE(rig.runs.busy().size() == 1);
  CHECK(rig.runs.keys_at(rig.runs.busy().front()) == added);
}

TEST_CASE("unordered, each job has a slot of its own, also those of one key") {
  queue_rig rig{a_blocking_one(), stage_mode::unordered};
  auto& first = rig.add("a");
  auto& second = rig.add("a");
  CHECK(first.slot != second.slot);
  rig.queue->flush();
  CHECK(rig.runs.sent == 2);
  CHECK(rig.meter.keys == 2);
  rig.answer_all();
  rig.done(second);
  CHECK(rig.runs.idle == 1);
  CHECK(rig.add("a").slot == second.slot);
  rig.queue->flush();
  CHECK(rig.runs.violations.empty());
}

TEST_CASE("unordered, jobs of a compute stage take the lanes in turn, also those of one key") {
  queue_rig rig{a_compute_one(), stage_mode::unordered};
  for (int i = 0; i < 10; ++i)
    rig.add("a");
  rig.queue->flush();
  CHECK(rig.runs.keys_at({place::lanes, 0}).size() == 5);
  CHECK(rig.runs.keys_at({place::lanes, 1}).size() == 5);
}

TEST_CASE("jobs without a key are keys of their own, so they take the lanes in turn") {
  queue_rig rig{a_compute_one()};
  for (int i = 0; i < 10; ++i)
    rig.add(std::nullopt);
  rig.queue->flush();
  CHECK(rig.runs.keys_at({place::lanes, 0}).size() == 5);
}

TEST_CASE("a lane gets the jobs of a key in one piece when the stage takes them by run") {
  queue_rig rig{a_compute_one_by_run()};
  for (int i = 0; i < 12; ++i)
    rig.add("key" + std::to_string(i % 4));
  rig.queue->flush();
  size_t pieces = 0;
  for (auto& lane : rig.runs.busy()) {
    auto there = rig.runs.keys_at(lane);
    for (size_t i = 0; i < there.size(); ++i)
      pieces += i == 0 || there[i] != there[i - 1];
  }
  CHECK(pieces == 4);
  CHECK(rig.runs.sent <= core::stage_queue::lanes);
  CHECK(rig.meter.keys == 4);
}

TEST_CASE("I3: a key whose jobs a lane takes by run keeps its lane from flush to flush") {
  queue_rig rig{a_compute_one_by_run()};
  std::map<std::string, place> lane_of;
  for (int round = 0; round < 3; ++round) {
    std::vector<detail::job*> added;
    for (int i = 0; i < 20; ++i)
      added.push_back(&rig.add("key" + std::to_string(i)));
    rig.queue->flush();
    for (auto& lane : rig.runs.busy())
      for (auto& key : rig.runs.keys_at(lane))
        REQUIRE(lane_of.try_emplace(key, lane).first->second == lane);
    rig.answer_all();
    for (auto* j : added)
      rig.done(*j);
  }
  CHECK(lane_of.size() == 20);
  CHECK(rig.meter.keys == 0);
}

TEST_CASE("a pass waits for the jobs of its key that are before it, and for no others") {
  queue_rig rig{a_blocking_one()};
  auto& first = rig.add("a");
  auto* before_second = rig.add_pass("a");
  REQUIRE(before_second != nullptr);
  auto& second = rig.add("a");
  auto* last = rig.add_pass("a");
  auto& other = rig.add("b");
  rig.queue->flush();
  CHECK(rig.runs.keys_at({0, rig.runs.slot_of(0, "a")}) == keys{"a", "a"}); // the passes stay here
  CHECK(rig.done(other).empty());
  CHECK(rig.done(first) == jobs{before_second});
  CHECK(rig.done(second) == jobs{last});
}

TEST_CASE("a pass whose key has nothing in the stage need not wait") {
  queue_rig rig{a_blocking_one()};
  CHECK(rig.add_pass("a") == nullptr);
  auto& first = rig.add("a");
  CHECK(rig.add_pass("b") == nullptr);
  rig.queue->flush();
  rig.answer_all();
  CHECK(rig.done(first).empty());
  CHECK(rig.add_pass("a") == nullptr);
}

TEST_CASE("a pass of a compute stage waits for what is before it in its key's lane") {
  queue_rig rig{a_compute_one()};
  CHECK(rig.add_pass("a") == nullptr);
  auto& first = rig.add("a");
  auto* pass = rig.add_pass("a");
  REQUIRE(pass != nullptr);
  rig.queue->flush();
  CHECK(rig.runs.keys_at({place::lanes, first.slot}).size() == 1);
  CHECK(rig.done(first) == jobs{pass});
}

TEST_CASE("by_partition, a pass waits for all jobs of the stage that are before it") {
  auto kind = GENERATE(0, 1);
  queue_rig rig = kind == 0 ? queue_rig{a_blocking_one(), stage_mode::by_partition}
                            : queue_rig{a_compute_one(), stage_mode::by_partition};
  auto& first = rig.add("a");
  auto& second = rig.add("b");
  auto* pass = rig.add_pass(std::nullopt);
  REQUIRE(pass != nullptr);
  CHECK(rig.done(first).empty());
  CHECK(rig.done(second) == jobs{pass});
}

TEST_CASE("a pass without an order has nothing to wait for") {
  queue_rig unordered{a_blocking_one(), stage_mode::unordered};
  unordered.add("a");
  CHECK(unordered.add_pass("a") == nullptr);
  queue_rig keyless{a_compute_one()};
  keyless.add(std::nullopt);
  keyless.add(std::nullopt);
  CHECK(keyless.add_pass(std::nullopt) == nullptr);
}

TEST_CASE("a stage takes no more jobs than wait for its workers, over all partitions") {
  queue_rig rig{a_blocking_one()};
  stage_limits limits{.concurrency = 2, .waiting_per_worker = 3, .concurrent_keys = 100};
  rig.meter.jobs = 100;              // of other partitions
  CHECK(rig.queue->accepts(limits)); // so that every partition gets on
  rig.meter.jobs = 7;
  rig.add("a");
  CHECK_FALSE(rig.queue->accepts(limits));
  rig.meter.jobs = 6;
  CHECK(rig.queue->accepts(limits));
  rig.add_pass("a"); // counts as a job while it waits
  CHECK_FALSE(rig.queue->accepts(limits));
}

TEST_CASE("a stage takes no more keys than its limit, over all partitions") {
  queue_rig rig{a_blocking_one()};
  stage_limits limits{.concurrency = 2, .waiting_per_worker = 100, .concurrent_keys = 3};
  rig.meter.keys = 100;
  CHECK(rig.queue->accepts(limits));
  rig.meter.keys = 1;
  rig.add("a");
  CHECK(rig.queue->accepts(limits));
  rig.add("b");
  CHECK_FALSE(rig.queue->accepts(limits));
}

TEST_CASE("a partition with its share of a stage's places leaves some to one that has less") {
  queue_rig rig{a_blocking_one()};
  auto by_keys = GENERATE(false, true);
  stage_limits limits{.concurrency = 1, .waiting_per_worker = 15, .concurrent_keys = 1000};
  if (by_keys)
    limits = {.concurrency = 100, .waiting_per_worker = 100, .concurrent_keys = 16};
  auto& all = by_keys ? rig.meter.keys : rig.meter.jobs;
  rig.meter.partitions = 4;
  for (int i = 0; i < 3; ++i)
    rig.add(std::to_string(i));
  all = by_keys ? 15 : 12;           // what was not flushed comes on top
  CHECK(rig.queue->accepts(limits)); // 15 of 16, and less than the share of 4
  rig.add("3");
  CHECK_FALSE(rig.queue->accepts(limits)); // it has the share
  all = by_keys ? 13 : 9;
  CHECK(rig.queue->accepts(limits)); // there is room for others
  rig.meter.partitions = 1;
  all = by_keys ? 15 : 11;
  CHECK(rig.queue->accepts(limits)); // nobody else needs it
}

TEST_CASE("a stage without room for waiting jobs uses all its workers for whoever comes") {
  queue_rig rig{a_blocking_one()};
  stage_limits limits{.concurrency = 16, .waiting_per_worker = 0, .concurrent_keys = 1000};
  rig.meter.partitions = 8;
  for (int i = 0; i < 15; ++i)
    rig.add(std::to_string(i));
  CHECK(rig.queue->accepts(limits));
  rig.add("15");
  CHECK_FALSE(rig.queue->accepts(limits));
}

TEST_CASE("the shared meter is balanced when a partition ends, whatever was flushed") {
  auto kind = GENERATE(0, 1, 2);
  auto mode = GENERATE(stage_mode::by_key, stage_mode::by_partition);
  queue_rig rig = kind == 0   ? queue_rig{a_blocking_one(), mode}
                  : kind == 1 ? queue_rig{a_compute_one(), mode}
                              : queue_rig{a_compute_one_by_run(), mode};
  rig.meter.jobs += 10;
  rig.meter.keys += 5;
  auto& first = rig.add("a");
  rig.add("b");
  rig.add_pass("a");
  rig.queue->flush();
  CHECK(rig.meter.jobs == 13);
  rig.answer_all();
  rig.done(first);
  for (auto* key : {"c", "d", "e"})
    rig.add(key);
  rig.add_pass("e");
  rig.queue->give_up();
  CHECK(rig.meter.jobs == 10);
  CHECK(rig.meter.keys == 5);
}

TEST_CASE("with retries a key's jobs leave together, up to the longest run, and the next ones when "
          "those are done") {
  constexpr auto longest = core::stage_queue::longest_run;
  queue_rig rig{a_blocking_one(), stage_mode::by_key, true};
  jobs all;
  for (uint32_t i = 0; i < longest + 1; ++i)
    all.push_back(&rig.add("a"));
  rig.queue->flush();
  place const at{0, rig.runs.slot_of(0, "a")};
  CHECK(rig.runs.keys_at(at).size() == longest);
  rig.runs.answer(at);
  for (uint32_t i = 0; i < longest; ++i) {
    rig.queue->flush();
    CHECK(rig.runs.keys_at(at).empty());
    rig.queue->back(*all[i], std::nullopt);
    REQUIRE(rig.queue->take_final(at.slot) == all[i]);
    rig.done(*all[i]);
  }
  rig.queue->flush();
  CHECK(rig.runs.keys_at(at).size() == 1);
}

TEST_CASE("I3: with retries the jobs behind one that failed leave again before those that came "
          "later, once it is done") {
  queue_rig rig{a_blocking_one(), stage_mode::by_key, true};
  jobs sent;
  for (int i = 0; i < 3; ++i)
    sent.push_back(&rig.add("a"));
  rig.queue->flush();
  place const at{0, rig.runs.slot_of(0, "a")};
  rig.runs.take(at);
  auto& later = rig.add("a");
  rig.queue->back(*sent[0], core::steady_time{});
  rig.queue->back_unbegun(*sent[1]);
  rig.queue->back_unbegun(*sent[2]);
  rig.queue->flush();
  CHECK(rig.runs.keys_at(at).empty());
  CHECK(rig.queue->take_final(at.slot) == nullptr);
  REQUIRE(rig.queue->parked(at.slot));
  rig.queue->call_again(at.slot);
  CHECK(rig.runs.take(at) == jobs{sent[0]});
  rig.queue->back(*sent[0], std::nullopt);
  REQUIRE(rig.queue->take_final(at.slot) == sent[0]);
  rig.done(*sent[0]);
  rig.queue->flush();
  CHECK(rig.runs.take(at) == jobs{sent[1], sent[2], &later});
}
