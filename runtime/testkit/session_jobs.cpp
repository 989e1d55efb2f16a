// How a session's jobs are found, worked on, and given back.
#include "runtime/testkit/session.hpp"

#include <caf/make_counted.hpp>

#include <mutex>

namespace keyloom::rig {

namespace {

/// As the key actors do it: a job whose handler actor died is tried once more.
constexpr uint32_t tries = 2;

/// Several jobs of a key come back together at most, as from a worker that reports in between.
constexpr size_t longest_part = 4;

} // namespace

namespace {

/// Takes the answer of an asynchronous function; what comes after the test looked is dropped.
class one_answer final : public detail::completion_port {
public:
  void completed(std::unique_ptr<detail::job> call) noexcept override {
    std::lock_guard guard{mutex_};
    call_ = std::move(call);
  }

  std::unique_ptr<detail::job> take() {
    std::lock_guard guard{mutex_};
    return std::move(call_);
  }

private:
  std::mutex mutex_;
  std::unique_ptr<detail::job> call_; // guarded by mutex_
};

/// Calls a stage's asynchronous function, which must answer before it returns.
void call_async(detail::stage_base& stage, detail::job& j) {
  auto call = stage.make_job();
  auto answer = caf::make_counted<one_answer>();
  auto err = core::lend(stage, j, *call);
  if (!err)
    err = core::begin(stage, std::move(call), answer);
  auto ended = answer->take();
  if (err)
    stage.fail(j, std::move(err));
  else if (ended != nullptr)
    stage.give_back(*ended, j);
  else
    throw testkit_error{"the asynchronous function of stage '" + stage.name()
                        + "' did not fulfil its completion before it returned, and a testkit does "
                          "not wait; play it with answer_with(), or answer its jobs one by one"};
}

} // namespace

detail::test_job_view session::view(const job_desk::waiting_job& waiting, int32_t partition) const {
  auto& j = *waiting.job;
  return {waiting.id,         j.stage,
          partition,          j.origin->record().offset,
          std::string{j.key}, j.key.data() != nullptr,
          waiting.attempts};
}

session::found_job session::find_job(const detail::test_job_view& job) {
  for (auto& each : seats_)
    if (each.now)
      if (auto* waiting = each.now->desk().find(job.id); waiting != nullptr)
        return {each.now.get(), waiting};
  if (auto it = late_.find(job.id); it != late_.end())
    return {nullptr, &it->second.waiting};
  return {};
}

std::vector<detail::test_job_view> session::ready_jobs(uint32_t stage) {
  std::vector<detail::test_job_view> result;
  for (int32_t number = 0; number < options_.partitions; ++number)
    if (auto& each = seat_of(number); each.now)
      for (auto& waiting : each.now->desk().ready(stage))
        result.push_back(view(waiting, number));
  std::sort(result.begin(), result.end(), [](auto& a, auto& b) { return a.id < b.id; });
  return result;
}

size_t session::jobs_in(uint32_t stage) const {
  size_t result = 0;
  for (auto& each : seats_)
    if (each.now)
      result += each.now->desk().size(stage);
  return result;
}

size_t session::pending() const {
  size_t result = 0;
  for (auto& each : seats_)
    if (each.now)
      result += each.now->desk().size();
  return result;
}

void session::give_back(const detail::test_job_view& job) {
  if (auto found = find_job(job); found.of != nullptr)
    finish(*found.of, found.of->desk().take(job.id));
  else
    finish_late(job.id);
}

void session::finish(assignment& of, const std::vector<job_desk::waiting_job>& jobs) {
  core::run done;
  done.memory = of.core().memory();
  for (auto& each : jobs) {
    answered_.insert(each.id);
    done.append(*each.job);
  }
  of.core().finished(std::move(done));
}

/// Its partition was given up: nobody waits for it, and its memory may go.
void session::finish_late(uint64_t id) {
  answered_.insert(id);
  late_.erase(id);
}

void session::call(const detail::test_job_view& job) {
  auto found = find_job(job);
  if (!work_on(*found.waiting->job))
    die(job);
  else
    give_back(job);
}

/// The job's result is there afterwards. False: a handler actor died with it instead.
bool session::work_on(detail::job& j) {
  auto& stage = *source_->stages[j.stage];
  auto is_actor = stage.kind() == processor_kind::actor;
  auto& play = played[j.stage];
  if (!play) {
    if (is_actor)
      throw testkit_error{"stage '" + stage.name()
                          + "' has a handler actor, which a testkit does not start; give it "
                            "answers with answer_with(), or answer its jobs one by one"};
    if (stage.kind() == processor_kind::async) {
      call_async(stage, j);
      return true;
    }
    core::run one;
    one.append(j);
    core::run done;
    core::process_next(stage, one, done);
    return true;
  }
  std::string why = "something that is no std::exception";
  try {
    play(j);
    return true;
  } catch (const std::exception& ex) {
    why = ex.what();
  } catch (...) {
    // `why` says it
  }
  if (!is_actor)
    stage.fail(j, caf::make_error(errc::processor_failed, "the processor threw: " + why));
  return !is_actor;
}

void session::die(const detail::test_job_view& job) {
  auto found = find_job(job);
  if (++found.waiting->attempts < tries && found.of != nullptr)
    return;
  source_->stages[job.stage]->fail(
    *found.waiting->job,
    caf::make_error(errc::handler_actor_died,
                    "the handler actor died while it held the job, and so did the one that tried "
                    "it again"));
  give_back(job);
}

void session::begin(const detail::test_job_view& job) {
  find_job(job).waiting->begun = true;
}

bool session::step() {
  size_t places = 0;
  for (auto& each : seats_)
    places += each.now ? each.now->desk().places() : 0;
  auto reports = options_.acks == test_acks::in_steps ? producer_.unreported_count() : 0;
  if (places + reports == 0)
    return false;
  auto choice = pick(places + reports);
  if (choice >= places) {
    size_t outputs[] = {producer_.unreported()[choice - places]};
    report(outputs, {});
  } else if (!work_at(choice)) {
    return false;
  }
  ++steps_;
  return true;
}

/// Works on the jobs of the `choice`th place over all partitions, or of one behind it when a test
/// holds that one's job (test_job::begin).
bool session::work_at(size_t choice) {
  std::vector<std::pair<int32_t, size_t>> places;
  for (int32_t number = 0; number < options_.partitions; ++number)
    if (auto& each = seat_of(number); each.now)
      for (size_t i = 0; i < each.now->desk().places(); ++i)
        places.emplace_back(number, i);
  for (size_t i = 0; i < places.size(); ++i) {
    auto [number, index] = places[(choice + i) % places.size()];
    auto& of = *seat_of(number).now;
    auto& first = of.desk().first_at(index);
    if (first.begun)
      continue;
    work_on_some(of, number, first);
    return true;
  }
  return false;
}

void session::work_on_some(assignment& of, int32_t number, const job_desk::waiting_job& first) {
  if (source_->stages[first.job->stage]->kind() == processor_kind::actor) {
    call(view(first, number)); // it gets one job at a time, and may die with it
    return;
  }
  auto stage = first.job->stage;
  auto jobs = of.desk().take(first.id, 1 + pick(longest_part));
  if (played[stage] || source_->stages[stage]->kind() == processor_kind::async) {
    for (auto& each : jobs)
      work_on(*each.job);
  } else {
    core::run todo;
    for (auto& each : jobs)
      todo.append(*each.job);
    core::run done;
    while (!todo.empty())
      core::process_next(*source_->stages[stage], todo, done);
  }
  finish(of, jobs);
}

} // namespace keyloom::rig
