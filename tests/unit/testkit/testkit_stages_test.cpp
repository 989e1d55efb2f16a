// What the testkit makes of a stage's mode, of passes, of functions that take runs, and of work
// that is done by hand.
#include <keyloom/testkit.hpp>

#include <catch2/catch.hpp>

#include <thread>

namespace {

using namespace keyloom;
using values = std::vector<std::string>;

/// Every record is a job with its value; `pass` waits behind its key. The value goes to `out` when
/// its event is over.
struct fixture {
  test_system system;
  event_source<> source;
  stage_handle<std::string> work;

  template <class Processor>
  fixture(Processor processor, const stage_options& how)
    : source(system, {.group = "g", .topic = "t", .output_order = output_order::none}),
      work(source.stage<std::string, void>("work", processor, how)) {
    source.on_default([this](context<>& ctx, const record& rec) {
      ctx.forward({.topic = "out", .value = std::string{rec.value}});
      return rec.value == "pass" ? work.pass(ctx, rec.key)
                                 : work.schedule(ctx, rec.key, std::string{rec.value});
    });
  }
};

auto nothing = [](std::string_view, std::string&) {};

} // namespace

TEST_CASE("by_partition, only the first job may be answered, whatever its key") {
  auto kind = GENERATE(processor_kind::blocking, processor_kind::compute);
  stage_options how{.mode = stage_mode::by_partition};
  auto with = kind == processor_kind::blocking ? std::make_unique<fixture>(blocking(nothing), how)
                                               : std::make_unique<fixture>(compute(nothing), how);
  testkit kit{with->source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}, {"a", "3"}});
  auto work = kit.stage<std::string, void>("work");
  for (auto* key : {"a", "b", "a"}) {
    CHECK(work.keys() == values{key});
    work.next().answer();
  }
  CHECK(kit.values() == values{"1", "2", "3"});
}

TEST_CASE("unordered, every job may be answered, also those of one key") {
  auto kind = GENERATE(processor_kind::blocking, processor_kind::compute);
  stage_options how{.mode = stage_mode::unordered};
  auto with = kind == processor_kind::blocking ? std::make_unique<fixture>(blocking(nothing), how)
                                               : std::make_unique<fixture>(compute(nothing), how);
  testkit kit{with->source};
  kit.feed_batch({{"a", "1"}, {"a", "2"}, {"b", "3"}});
  auto jobs = kit.stage<std::string, void>("work").jobs();
  REQUIRE(jobs.size() == 3);
  jobs[1].answer();
  jobs[0].answer();
  CHECK(kit.values() == values{"2", "1"});
}

TEST_CASE(
  "a pass is over when the jobs of its key before it are, in whatever order keys are answered") {
  auto kind = GENERATE(processor_kind::blocking, processor_kind::compute);
  auto with = kind == processor_kind::blocking
                ? std::make_unique<fixture>(blocking(nothing), stage_options{})
                : std::make_unique<fixture>(compute(nothing), stage_options{});
  testkit kit{with->source};
  kit.feed_batch({{"a", "1"}, {"a", "pass"}, {"b", "2"}, {"c", "3"}, {"d", "4"}});
  auto work = kit.stage<std::string, void>("work");
  for (auto* key : {"d", "c", "b"})
    work.next(key).answer();
  CHECK(kit.values() == values{"4", "3", "2"});
  work.next("a").answer();
  CHECK(kit.values() == values{"4", "3", "2", "1", "pass"});
}

TEST_CASE("a function by_run gets jobs of a key together, and one when one is run") {
  std::vector<size_t> sizes;
  fixture with{blocking(by_run([&](std::string_view, std::span<std::string* const> jobs) {
                 sizes.push_back(jobs.size());
               })),
               {}};
  testkit kit{with.source, {.seed = 4}};
  kit.feed_batch({{"a", "1"}, {"a", "2"}, {"a", "3"}, {"a", "4"}, {"a", "5"}, {"a", "6"}});
  kit.stage<std::string, void>("work").next().run();
  CHECK(sizes == std::vector<size_t>{1});
  kit.run();
  CHECK(kit.values() == values{"1", "2", "3", "4", "5", "6"});
  CHECK(sizes.size() < 6);
}

TEST_CASE("limits that are raised take in what waited") {
  fixture with{blocking(nothing), {.limits = {.concurrency = 1, .waiting_per_worker = 1}}};
  testkit kit{with.source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}});
  CHECK(kit.pending() == 2);
  CHECK_FALSE(with.source.set_limits(with.work, {.concurrency = 2, .waiting_per_worker = 1}));
  kit.advance({});
  CHECK(kit.pending() == 4);
}

TEST_CASE("what is done by hand, on the test's thread or another, completes its event") {
  test_system system;
  event_source<> source{system, {.group = "g", .topic = "t"}};
  std::vector<job_completion> done;
  source.on_default([&](context<>& ctx, const record&) {
    done.push_back(ctx.job_complete([](context<>& later) {
      later.forward({.topic = "out", .value = std::to_string(later.offset())});
      return complete;
    }));
    return incomplete;
  });
  testkit kit{source};
  kit.feed_batch({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  CHECK(done[1]());
  CHECK(kit.values() == values{"1"});
  auto taken = false;
  std::thread{[&] { taken = done[0](); }}.join();
  CHECK(taken);
  CHECK(kit.values() == values{"1"});
  kit.run(); // sees what other threads did
  CHECK(kit.values() == values{"1", "0"});
  CHECK(kit.committable() == 2);
  kit.crash();
  CHECK(done[2]()); // there is nothing left to complete, and nothing happens
  CHECK(kit.values().size() == 2);
}
