#include "tests/fakes/add_stage.hpp"

#include <keyloom/event_source.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace std::chrono_literals;

namespace {

constexpr auto nothing = [](std::string_view, int&) {};

/// What is wrong with a source of one stage; empty: nothing.
template <class Processor>
std::string wrong_with(Processor processor, const stage_options& options) {
  core::plan source;
  fakes::add_stage<no_store, int, void>(source, "look", processor, detail::no_finalizer{}, options);
  auto err = core::check_stages(source);
  CHECK((!err || err == errc::bad_config));
  return err ? describe(err) : std::string{};
}

constexpr auto finish = [](context<>&, std::string_view, int&, caf::expected<void>) {
  return complete;
};

/// Compiles when a stage can be defined in each of the ways that the documentation names.
void define_in_every_way(event_source<>& source) {
  auto work = blocking(nothing);
  source.stage<int, void>("a", work);
  source.stage<int, void>("b", work, wide_network);
  source.stage<int, void>("c", work, {.concurrency = 3});
  source.stage<int, void>("d", work, {.mode = stage_mode::unordered});
  source.stage<int, void>("e", work, stage_limits{1, 2, 3});
  source.stage<int, void>("f", work, stage_options{});
  source.stage<int, void>("g", work, finish);
  source.stage<int, void>("h", work, finish, wide_network);
  source.stage<int, void>("i", work, finish, {.concurrency = 3});
  source.stage<int, void>("j", work, finish, {.limits = slow_network, .timeout = 5ms});
  source.stage<int, void>("k", work, finish, stage_limits{1, 2, 3});
  source.stage<int, void>("l", work, finish, stage_options{});
}

} // namespace

TEST_CASE("a stage is defined with a preset, limits or options, with and without a finalizer") {
  CHECK(&define_in_every_way != nullptr); // that it compiles is the test
}

TEST_CASE("the options of a stage are what it was defined with") {
  core::plan source;
  fakes::add_stage<no_store, int, void>(source, "look", blocking(nothing), detail::no_finalizer{},
                                        {.limits = {.concurrency = 3, .concurrent_keys = 7},
                                         .mode = stage_mode::by_partition,
                                         .timeout = 20ms});
  auto& stage = *source.stages.front();
  CHECK(stage.mode() == stage_mode::by_partition);
  CHECK(stage.timeout() == 20ms);
  CHECK(stage.limits().concurrency == 3);
  CHECK(stage.limits().waiting_per_worker == 1000);
  CHECK(stage.limits().concurrent_keys == 7);
  stage.set_limits({.concurrency = 5, .waiting_per_worker = 6, .concurrent_keys = 8});
  CHECK(stage.limits().concurrency == 5);
  CHECK(stage.limits().waiting_per_worker == 6);
  CHECK(stage.limits().concurrent_keys == 8);
}

TEST_CASE("options that cannot work are errors that name the stage and what mends it") {
  CHECK(wrong_with(blocking(nothing), {}).empty());
  CHECK(wrong_with(compute(nothing), {}).empty());
  CHECK(wrong_with(blocking(nothing), {.timeout = 5ms}).empty());
  CHECK(wrong_with(compute(nothing), {.timeout = 5ms})
        == "stage 'look': a compute stage has no timeout, because its function must not wait for "
           "anything; leave the timeout out, or make the processor blocking(f)");
  CHECK(wrong_with(blocking(nothing), {.timeout = -5ms})
        == "stage 'look': timeout -5 ms; it must be at least 0, and 0 means none");
  CHECK(wrong_with(blocking(nothing), {.limits = {.concurrency = 0}})
        == "stage 'look': concurrency 0 lets nothing run; it must be at least 1");
  CHECK(wrong_with(blocking(nothing), {.limits = {.concurrent_keys = 0}})
        == "stage 'look': concurrent_keys 0 lets no key in; it must be at least 1");
}

TEST_CASE("a function with a timeout asks for jobs that can be copied, one without does not") {
  for (auto timeout : {0ms, 5ms}) {
    core::plan source;
    fakes::add_stage<no_store, std::unique_ptr<int>, void>(
      source, "look", blocking([](std::string_view, std::unique_ptr<int>&) {}),
      detail::no_finalizer{}, {.limits = {}, .timeout = timeout});
    auto err = core::check_stages(source);
    CHECK((err == errc::bad_config) == (timeout == 5ms));
    CHECK((describe(err).find("make the job's type copyable") == std::string::npos)
          == (timeout == 0ms));
  }
}

TEST_CASE("a retry policy that cannot work is an error that names the stage or the setting") {
  auto wrong = [](retry_policy of_stage, retry_policy of_source) {
    core::plan source;
    source.config.retry = std::move(of_source);
    fakes::add_stage<no_store, int, void>(source, "look", blocking(nothing), detail::no_finalizer{},
                                          {.limits = {}, .retry = std::move(of_stage)});
    return describe(core::check_failure_policy(source));
  };
  CHECK(describe(caf::error{}) == wrong({.times = 5}, {.total = 1min}));
  CHECK(wrong({.jitter = 101}, {})
        == "stage 'look': retry.jitter 101; it is a percentage and must be at most 100");
  CHECK(wrong({}, {.factor = 0})
        == "keyloom.retry.factor 0; it must be at least 1, which waits equally long each time");
  CHECK(wrong({.backoff = -1ms}, {}) == "stage 'look': retry: a time below 0; give 0 ms or more");
}

TEST_CASE("a stage's own policy wins over the source's, which wins for what has none") {
  core::plan source;
  source.config.retry.times = 3;
  source.config.on_error = failure_action::skip;
  source.config.on_unreadable = failure_action::dead_letter;
  fakes::add_stage<no_store, int, void>(source, "as source", blocking(nothing),
                                        detail::no_finalizer{});
  fakes::add_stage<no_store, int, void>(
    source, "own", blocking(nothing), detail::no_finalizer{},
    {.limits = {}, .retry = retry_policy{}, .on_error = failure_action::stop_source});
  CHECK(source.retry_of(0).times == 3);
  CHECK_FALSE(source.retry_of(1).enabled());
  auto failed = caf::make_error(errc::processor_failed);
  auto unreadable = caf::make_error(errc::decode_failed);
  CHECK(source.action_for(0, failed) == failure_action::skip);
  CHECK(source.action_for(1, failed) == failure_action::stop_source);
  CHECK(source.action_for(1, unreadable) == failure_action::stop_source);
  CHECK(source.action_for(detail::job::no_stage, failed) == failure_action::skip);
  CHECK(source.action_for(detail::job::no_stage, unreadable) == failure_action::dead_letter);
}

TEST_CASE("a source without a handler is refused, because every record would be an error") {
  core::plan source;
  auto err = core::check_plan(source);
  CHECK(err == errc::bad_config);
  CHECK(describe(err).find("no handler") != std::string::npos);
  source.fallback = [](detail::turn&, const record&) { return complete; };
  CHECK(!core::check_plan(source));
}

TEST_CASE("credit is what is set, and otherwise more under exactly once") {
  core::plan source;
  CHECK(source.credit() == 10'000);
  source.config.exactly_once = true;
  CHECK(source.credit() == 18'000);
  source.config.credit = 7;
  CHECK(source.credit() == 7);
}
