#include "runtime/core/work_memory.hpp"

#include "tests/fakes/add_stage.hpp"
#include "tests/fakes/batches.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;

/// A plan with a stage whose processor throws what the payload asks for.
std::shared_ptr<core::plan> make_plan() {
  auto source = std::make_shared<core::plan>();
  auto processor = blocking([](std::string_view, std::shared_ptr<int>& job) -> int {
    if (job == nullptr)
      throw 42;
    if (*job < 0)
      throw std::runtime_error{"negative"};
    return *job;
  });
  auto finalizer = [](context<>&, std::string_view, std::shared_ptr<int>&, caf::expected<int>) {
    return complete;
  };
  for (auto* name : {"first", "second"})
    fakes::add_stage<no_store, std::shared_ptr<int>, int>(*source, name, processor, finalizer);
  return source;
}

using typed = detail::typed_job<std::shared_ptr<int>, int>;

typed& cast(detail::job& j) {
  return static_cast<typed&>(j);
}

core::run run_of(core::work_memory& memory, int jobs) {
  core::run result;
  result.memory = core::work_memory_ptr{&memory};
  for (; jobs > 0; --jobs)
    result.append(memory.make_job(0));
  return result;
}

} // namespace

TEST_CASE("a recycled event comes back blank") {
  core::work_memory memory{make_plan()};
  auto& ev = memory.make_event();
  ev.batch = fakes::make_batch({7});
  ev.failed = ev.refused = ev.complete = true;
  ev.open_jobs = ev.unacknowledged = ev.next_output = 3;
  ev.outputs.push_back({.topic = "out"});
  memory.recycle(ev);
  auto& again = memory.make_event();
  CHECK(&again == &ev);
  CHECK(again.batch == nullptr);
  CHECK_FALSE((again.failed || again.refused || again.complete || again.waiting));
  CHECK(again.open_jobs + again.unacknowledged + again.next_output == 0);
  CHECK(again.outputs.empty());
  CHECK(again.chain == nullptr);
}

TEST_CASE("an event that is not recycled is not handed out again") {
  core::work_memory memory{make_plan()};
  auto& one = memory.make_event();
  auto& two = memory.make_event();
  CHECK(&one != &two);
  memory.recycle(two);
  CHECK(&memory.make_event() == &two);
  CHECK(&memory.make_event() != &one);
}

TEST_CASE("a recycled job gives up the user's objects and keeps its stage") {
  core::work_memory memory{make_plan()};
  auto& j = memory.make_job(1);
  auto payload = std::make_shared<int>(1);
  cast(j).payload.emplace(payload);
  memory.recycle(j);
  CHECK(payload.use_count() == 1);
  CHECK(&memory.make_job(0) != &j);
  auto& again = memory.make_job(1);
  CHECK(&again == &j);
  CHECK(again.stage == 1);
  CHECK(again.next == nullptr);
}

TEST_CASE("on_gone is called when the last run that holds the memory is gone") {
  auto gone = false;
  auto memory = caf::make_counted<core::work_memory>(make_plan());
  memory->on_gone([&gone] { gone = true; });
  auto run = run_of(*memory, 1);
  memory->give_up();
  memory = nullptr;
  CHECK_FALSE(gone);
  CHECK(run.memory->given_up());
  run = {};
  CHECK(gone);
}

TEST_CASE("a run gives its jobs in the order they were appended") {
  auto memory = caf::make_counted<core::work_memory>(make_plan());
  core::run run;
  CHECK(run.empty());
  CHECK(run.take() == nullptr);
  auto& one = memory->make_job(0);
  auto& two = memory->make_job(0);
  run.append(one);
  run.append(two);
  CHECK(run.count == 2);
  CHECK(run.take() == &one);
  run.append(one);
  CHECK(run.take() == &two);
  CHECK(run.take() == &one);
  CHECK(run.empty());
  CHECK(run.count == 0);
}

TEST_CASE("a run appended to another is empty afterwards, and its jobs stand behind the other's") {
  auto memory = caf::make_counted<core::work_memory>(make_plan());
  for (auto mine : {0, 2}) {
    auto to = run_of(*memory, mine);
    auto from = run_of(*memory, 3);
    auto* last = from.last;
    to.append(std::move(from));
    // What append promises of the run it took, and what clang-tidy cannot know:
    CHECK(from.empty()); // NOLINT(bugprone-use-after-move)
    CHECK(from.memory == nullptr);
    CHECK(to.memory == memory);
    CHECK(to.count == static_cast<uint32_t>(mine + 3));
    CHECK(to.last == last);
    to.append(core::run{});
    CHECK(to.count == static_cast<uint32_t>(mine + 3));
    for (auto left = to.count; left > 0; --left)
      CHECK(to.take() != nullptr);
    CHECK(to.take() == nullptr);
  }
}

TEST_CASE("what a processor throws becomes its job's result") {
  auto source = make_plan();
  core::work_memory memory{source};
  auto outcome_of = [&](std::shared_ptr<int> payload) {
    auto& j = memory.make_job(0);
    cast(j).payload.emplace(std::move(payload));
    core::run jobs, done;
    jobs.append(j);
    core::process_next(*source->stages[0], jobs, done);
    return *cast(j).result;
  };
  CHECK(*outcome_of(std::make_shared<int>(5)) == 5);
  auto negative = outcome_of(std::make_shared<int>(-1));
  REQUIRE_FALSE(negative);
  CHECK(negative.error() == errc::processor_failed);
  CHECK(describe(negative.error()) == "the processor threw: negative");
  auto unknown = outcome_of(nullptr);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error() == errc::processor_failed);
}
