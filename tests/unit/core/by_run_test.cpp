// Processors that take a key's whole run: what they may return, and what becomes of each job.
#include "runtime/core/work_memory.hpp"
#include "tests/fakes/add_stage.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using Catch::Matchers::Contains;

namespace {

struct given {
  std::string key;
  int number;
};

/// A stage with a by_run processor, and one run of jobs for it.
template <class Result, class Function>
struct run_rig {
  using job_type = detail::typed_job<int, Result>;

  explicit run_rig(Function f, stage_mode mode = stage_mode::by_key) {
    fakes::add_stage<no_store, int, Result>(*source, "sum", blocking(by_run(std::move(f))),
                                            detail::no_finalizer{}, {.mode = mode});
    memory = caf::make_counted<core::work_memory>(source);
  }

  /// Calls until all jobs are worked on; the results, in order. An error is its text.
  std::vector<std::string> results_of(const std::vector<given>& jobs) {
    core::run todo, done;
    for (auto& each : jobs) {
      auto& j = static_cast<job_type&>(memory->make_job(0));
      j.own_key = each.key;
      j.key = each.key == "no key" ? std::string_view{} : std::string_view{j.own_key};
      j.key_hash = std::hash<std::string_view>{}(each.key);
      j.payload.emplace(each.number);
      todo.append(j);
    }
    for (; !todo.empty(); ++calls)
      core::process_next(*source->stages[0], todo, done);
    std::vector<std::string> result;
    while (auto* j = done.take())
      result.push_back(text_of(*static_cast<job_type*>(j)->result));
    return result;
  }

  static std::string text_of(const caf::expected<Result>& result) {
    if (!result)
      return describe(result.error());
    if constexpr (std::is_void_v<Result>)
      return "ok";
    else
      return std::to_string(*result);
  }

  std::shared_ptr<core::plan> source = std::make_shared<core::plan>();
  core::work_memory_ptr memory;
  int calls = 0;
};

template <class Result, class Function>
std::vector<std::string> results_with(Function f, const std::vector<given>& jobs) {
  return run_rig<Result, Function>{std::move(f)}.results_of(jobs);
}

using texts = std::vector<std::string>;
using span = std::span<int* const>;

caf::error no_table() {
  return caf::make_error(errc::processor_failed, "no table");
}

std::vector<int> doubled(span jobs) {
  std::vector<int> result;
  for (auto* j : jobs)
    result.push_back(2 * *j);
  return result;
}

} // namespace

TEST_CASE("one call takes the jobs of a key that stand together, and each gets its result") {
  std::vector<std::pair<std::string, size_t>> seen;
  auto f = [&](std::string_view key, span jobs) {
    seen.emplace_back(key, jobs.size());
    return doubled(jobs);
  };
  run_rig<int, decltype(f)> rig{f};
  CHECK(rig.results_of({{"a", 1}, {"a", 2}, {"b", 3}, {"a", 4}}) == texts{"2", "4", "6", "8"});
  CHECK(rig.calls == 3); // by_partition a run has jobs of several keys
  CHECK(seen == std::vector<std::pair<std::string, size_t>>{{"a", 2}, {"b", 1}, {"a", 1}});
}

TEST_CASE("jobs without a key are keys of their own: a call each") {
  auto f = [](std::string_view, span jobs) { return doubled(jobs); };
  run_rig<int, decltype(f)> rig{f};
  CHECK(rig.results_of({{"no key", 1}, {"no key", 2}}) == texts{"2", "4"});
  CHECK(rig.calls == 2);
}

TEST_CASE("the jobs of a run may be changed, for the finalizer to see") {
  auto f = [](std::string_view, span jobs) {
    for (auto* j : jobs)
      *j += 1;
    return doubled(jobs);
  };
  CHECK(results_with<int>(f, {{"a", 1}, {"a", 2}}) == texts{"4", "6"});
}

TEST_CASE("a by_run function may return its results, or the error of all jobs") {
  auto f = [](std::string_view key, span jobs) -> caf::expected<std::vector<int>> {
    if (key == "broken")
      return no_table();
    return doubled(jobs);
  };
  CHECK(results_with<int>(f, {{"a", 1}, {"a", 2}}) == texts{"2", "4"});
  CHECK(results_with<int>(f, {{"broken", 1}, {"broken", 2}}) == texts{"no table", "no table"});
}

TEST_CASE("a by_run function may let each job differ") {
  auto f = [](std::string_view, span jobs) {
    std::vector<caf::expected<int>> result;
    for (auto* j : jobs)
      result.push_back(*j < 0 ? caf::expected<int>{no_table()} : caf::expected<int>{*j});
    return result;
  };
  CHECK(results_with<int>(f, {{"a", 1}, {"a", -2}, {"a", 3}}) == texts{"1", "no table", "3"});
  auto g = [f](std::string_view key, span jobs) -> caf::expected<std::vector<caf::expected<int>>> {
    return f(key, jobs);
  };
  CHECK(results_with<int>(g, {{"a", 1}, {"a", -2}}) == texts{"1", "no table"});
}

TEST_CASE("results that are bool are given one by one, too") {
  auto f = [](std::string_view, span jobs) {
    std::vector<bool> result;
    for (auto* j : jobs)
      result.push_back(*j > 0);
    return result;
  };
  CHECK(results_with<bool>(f, {{"a", 1}, {"a", -2}}) == texts{"1", "0"});
}

TEST_CASE("a by_run function without results returns nothing, an error, or one for each job") {
  auto sum = 0;
  auto nothing = [&sum](std::string_view, span jobs) {
    for (auto* j : jobs)
      sum += *j;
  };
  CHECK(results_with<void>(nothing, {{"a", 1}, {"a", 2}}) == texts{"ok", "ok"});
  CHECK(sum == 3);
  auto error = [](std::string_view key, span) { return key == "a" ? caf::error{} : no_table(); };
  CHECK(results_with<void>(error, {{"a", 1}, {"b", 2}, {"b", 3}})
        == texts{"ok", "no table", "no table"});
  auto expected = [](std::string_view, span) -> caf::expected<void> { return no_table(); };
  CHECK(results_with<void>(expected, {{"a", 1}}) == texts{"no table"});
  auto each = [](std::string_view, span jobs) {
    std::vector<caf::expected<void>> result;
    for (auto* j : jobs)
      result.emplace_back(*j < 0 ? no_table() : caf::error{});
    return result;
  };
  CHECK(results_with<void>(each, {{"a", 1}, {"a", -1}}) == texts{"ok", "no table"});
}

TEST_CASE("a by_run call that throws fails all jobs of its run, and the next run goes on") {
  auto f = [](std::string_view key, span jobs) {
    if (key == "a")
      throw std::runtime_error{"no table"};
    if (key == "b")
      throw 42;
    return doubled(jobs);
  };
  CHECK(results_with<int>(f, {{"a", 1}, {"a", 2}, {"b", 3}, {"c", 4}})
        == texts{"the processor threw: no table", "the processor threw: no table",
                 "the processor threw something that is no std::exception", "8"});
}

TEST_CASE("a by_run answer of another size fails all jobs of its run and names the stage") {
  for (size_t size : {0, 1, 3}) {
    auto f = [size](std::string_view, span) { return std::vector<int>(size, 7); };
    auto text = "stage 'sum' got " + std::to_string(size)
                + " results for a run of 2 jobs; the function must return one for each, in their "
                  "order";
    CHECK(results_with<int>(f, {{"a", 1}, {"a", 2}}) == texts{text, text});
  }
}

TEST_CASE("by_run makes no sense unordered: an error that names the stage and what mends it") {
  auto f = [](std::string_view, span jobs) { return doubled(jobs); };
  run_rig<int, decltype(f)> rig{f, stage_mode::unordered};
  auto err = core::check_stages(*rig.source);
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err), Contains("stage 'sum'") && Contains("choose by_key or by_partition"));
  CHECK_FALSE(core::check_stages(*run_rig<int, decltype(f)>{f, stage_mode::by_partition}.source));
}

TEST_CASE("what a by_run function must look like is checked when it is given to a stage") {
  auto wrong_jobs = [](std::string_view, std::span<std::string* const>) {};
  auto no_list = [](std::string_view, span) { return 1; };
  auto other_results = [](std::string_view, span) { return std::vector<std::string>{}; };
  auto right = [](std::string_view, span jobs) { return doubled(jobs); };
  CHECK_FALSE(detail::processes_runs<decltype(wrong_jobs), int, int>);
  CHECK_FALSE(detail::processes_runs<decltype(no_list), int, int>);
  CHECK_FALSE(detail::processes_runs<decltype(other_results), int, int>);
  CHECK(detail::processes_runs<decltype(right), int, int>);
  CHECK_FALSE(detail::processes_runs<decltype(right), int, void>);
}
