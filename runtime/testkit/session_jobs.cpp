// How a session's jobs are found, worked on, and given back.
#include "runtime/testkit/session.hpp"

namespace keyloom::rig {

namespace {

/// As the key actors do it: a job whose handler actor died is tried once more.
constexpr uint32_t tries = 2;

/// Several jobs of a key come back together at most, as from a worker that reports in between.
constexpr size_t longest_part = 4;

} // namespace

detail::test_job_view session::view(const job_desk::waiting_job& waiting, int32_t partition) const {
  auto& j = *waiting.job;
  return {waiting.id,
          waiting.stage,
          partition,
          j.origin->record().offset,
          std::string{j.key},
          j.key.data() != nullptr,
          waiting.attempts + j.tried.made};
}

session::found_job session::find_job(uint64_t id) {
  for (auto& each : seats_)
    if (each.now)
      if (auto* waiting = each.now->desk().find(id); waiting != nullptr)
        return {each.now.get(), waiting};
  if (auto it = late_.find(id); it != late_.end())
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
  return result + batches_.sets();
}

size_t session::calls_under_way(uint32_t stage) const {
  size_t result = 0;
  for (auto& each : seats_)
    if (each.now)
      for (auto& call : each.now->desk().under_way())
        result += call.stage == stage && (call.call != nullptr || call.overdue != nullptr);
  for (auto& [id, late] : late_)
    result += late.waiting.stage == stage;
  return result;
}

void session::give_back(uint64_t id) {
  auto found = find_job(id);
  if (found.of == nullptr) {
    finish_late(id);
    return;
  }
  auto jobs = found.of->desk().take(id);
  auto& first = jobs.front();
  if (first.overdue == nullptr) {
    finish(*found.of, jobs);
    return;
  }
  answered_.insert(id);
  found.of->core().call_returned(first.stage, first.overdue->slot,
                                 static_cast<uint32_t>(first.overdue->copies.size()));
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

void session::call(uint64_t id) {
  auto& waiting = *find_job(id).waiting;
  if (source_->stages[waiting.stage]->kind() == processor_kind::async && !played[waiting.stage]) {
    call_async(waiting);
    return;
  }
  if (waiting.job == nullptr)
    work_on_overdue(*waiting.overdue);
  else if (!work_on(*waiting.job)) {
    die(id);
    return;
  }
  give_back(id);
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

void session::die(uint64_t id) {
  auto found = find_job(id);
  auto& waiting = *found.waiting;
  if (++waiting.attempts < tries && found.of != nullptr)
    return;
  if (waiting.job != nullptr)
    source_->stages[waiting.stage]->fail(
      *waiting.job,
      caf::make_error(errc::handler_actor_died,
                      "the handler actor died while it held the job, and so did the one that tried "
                      "it again"));
  give_back(id);
}

void session::give_back_batch(uint64_t id) {
  batches_.executed(id);
}

void session::execute_batch(uint64_t id) {
  auto& of = *batches_.find(id);
  auto& definition = static_cast<detail::batcher_base&>(*source_->stages[of.stage]);
  auto player = batch_players.find(of.stage);
  if (player != batch_players.end()) {
    try {
      player->second(*of.items);
    } catch (...) {
      core::fail(*of.items,
                 core::what_was_thrown("the executor of batcher '" + definition.name() + "'"));
    }
  } else if (definition.handlers() == nullptr) {
    core::execute(definition, *of.items);
  } else {
    throw testkit_error{"batcher '" + definition.name()
                        + "' has a handler actor, which a testkit does not start; give it answers "
                          "with answer_with(), or answer its batches one by one"};
  }
  batches_.executed(id);
}

void session::begin(uint64_t id) {
  find_job(id).waiting->begun = true;
}

bool session::step() {
  auto calls = choices();
  auto reports = options_.acks == test_acks::in_steps ? producer_.unreported_count() : 0;
  if (calls.empty() && reports == 0)
    return false;
  auto chosen = pick(calls.size() + reports);
  if (chosen < calls.size()) {
    work_at(calls[chosen]);
  } else {
    size_t outputs[] = {producer_.unreported()[chosen - calls.size()]};
    report(outputs, {});
  }
  ++steps_;
  return true;
}

/// All that nobody but the kit works on: ready jobs, and blocking calls that take too long.
std::vector<session::choice> session::choices() const {
  std::vector<choice> result;
  for (int32_t number = 0; number < options_.partitions; ++number)
    if (auto& each = seats_[static_cast<size_t>(number)]; each.now)
      for (size_t i = 0; i < each.now->desk().places(); ++i)
        if (!each.now->desk().first_at(i).begun)
          result.push_back({number, i});
  for (auto& [id, late] : late_)
    if (late.memory != nullptr && !late.waiting.begun)
      result.push_back({.late = id});
  for (auto& each : batches_.under_way())
    result.push_back({.batch = each.id});
  return result;
}

void session::work_at(const choice& chosen) {
  if (chosen.batch != 0) {
    execute_batch(chosen.batch);
    return;
  }
  if (chosen.late != 0) {
    call(chosen.late);
    return;
  }
  auto& of = *seat_of(chosen.partition).now;
  work_on_some(of, of.desk().first_at(chosen.place));
}

void session::work_on_some(assignment& of, const job_desk::waiting_job& first) {
  auto stage = first.stage;
  auto kind = source_->stages[stage]->kind();
  if (kind == processor_kind::actor || (kind == processor_kind::async && !played[stage])
      || first.overdue != nullptr) {
    call(first.id); // one job at a time: it may die with it, or answer later
    return;
  }
  auto jobs = of.desk().take(first.id, 1 + pick(longest_part));
  if (played[stage]) {
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
