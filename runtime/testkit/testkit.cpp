// The public functions of the testkit: what a test may ask for is checked here, with a sentence
// that names what there is instead; the session does it.
#include <keyloom/testkit.hpp>

#include "runtime/testkit/session.hpp"

#include <cstdlib>
#include <cxxabi.h>
#include <exception>
#include <iostream>

namespace keyloom {

namespace {

std::string quoted(std::string_view text) {
  return "'" + std::string{text} + "'";
}

std::string joined(const std::vector<std::string>& names) {
  std::string result;
  for (auto& name : names)
    result += (result.empty() ? "" : ", ") + quoted(name);
  return result.empty() ? "none" : result;
}

/// The types of a stage, from those of its jobs: "<leg, aircraft>".
std::string types_of(const std::type_info& job_type) {
  int failed = 0;
  std::unique_ptr<char, decltype(&std::free)> name{
    abi::__cxa_demangle(job_type.name(), nullptr, nullptr, &failed), &std::free};
  std::string result = failed == 0 ? name.get() : job_type.name();
  return result.substr(std::min(result.find('<'), result.size()));
}

uint64_t seed_of(const testkit_options& options) {
  return options.seed != 0 ? options.seed : test_seeds(1).front();
}

std::unique_ptr<rig::session> make_session(const detail::source& definition,
                                           testkit_options options) {
  auto source = definition.definition();
  if (!source)
    throw testkit_error{"the source would not start: " + describe(source.error())};
  if (options.partitions < 1)
    throw testkit_error{"a topic has at least one partition, not "
                        + std::to_string(options.partitions)};
  options.seed = seed_of(options);
  return std::make_unique<rig::session>(std::move(*source), options);
}

void act(rig::session& session, const std::function<void()>& what) {
  if (session.acting())
    throw testkit_error{"the testkit was called from inside a handler, finalizer or processor"};
  session.act(what);
}

void check_partition(const rig::session& session, int32_t partition) {
  auto count = session.seats().size();
  if (partition < 0 || static_cast<size_t>(partition) >= count)
    throw testkit_error{"there is no partition " + std::to_string(partition) + "; the kit has "
                        + std::to_string(count) + ", see testkit_options::partitions"};
}

rig::seat& seat_of(rig::session& session, int32_t partition, bool assigned) {
  check_partition(session, partition);
  auto& result = session.seat_of(partition);
  if (assigned != (result.now != nullptr))
    throw testkit_error{"partition " + std::to_string(partition)
                        + (assigned ? " is not assigned; assign() or restart() would do it"
                                    : " is assigned; revoke(), lose() or crash() would end that")};
  return result;
}

void check_output(const rig::session& session, size_t index) {
  auto& producer = session.producer();
  auto count = producer.outputs().size();
  if (index >= count)
    throw testkit_error{"there is no output " + std::to_string(index) + "; so far there are "
                        + std::to_string(count)};
  if (!producer.waits(index))
    throw testkit_error{"output " + std::to_string(index) + " does not wait for a report any more"
                        + (producer.outputs()[index].state == test_output::delivery::pending
                             ? ": its sender crashed"
                             : "; to report by hand, make the kit with test_acks::by_hand")};
}

} // namespace

testkit_base::testkit_base(const detail::source& definition, const testkit_options& options)
  : session_(make_session(definition, options)), exceptions_(std::uncaught_exceptions()) {
  // nop
}

testkit_base::~testkit_base() {
  if (std::uncaught_exceptions() > exceptions_)
    std::cerr << describe() << std::flush;
}

// -- records
// ---------------------------------------------------------------------------------------

int64_t testkit_base::feed(test_record rec) {
  auto partition = rec.partition;
  feed_batch({std::move(rec)});
  return session_->seat_of(partition).log.end() - 1;
}

void testkit_base::feed_batch(std::vector<test_record> records) {
  for (auto& each : records)
    check_partition(*session_, each.partition);
  act(*session_, [&] {
    for (auto& each : records) {
      auto end = session_->seat_of(each.partition).log.end();
      if (each.offset.value_or(end) < end)
        throw testkit_error{"a record cannot have offset " + std::to_string(*each.offset)
                            + "; the next one of partition " + std::to_string(each.partition)
                            + " is " + std::to_string(end)};
      auto wall = session_->wall_now().time_since_epoch();
      rig::logged_record to{std::move(each.key), std::move(each.value), std::move(each.headers),
                            each.offset.value_or(end),
                            each.timestamp_ms.value_or(
                              std::chrono::duration_cast<std::chrono::milliseconds>(wall).count())};
      if (!each.type.empty())
        to.headers.push_back({"type", std::move(each.type)});
      if (session_->source().config.skip_headers)
        to.headers.clear();
      session_->feed(each.partition, std::move(to));
    }
  });
}

void testkit_base::feed_hole(int64_t count, int32_t partition) {
  check_partition(*session_, partition);
  act(*session_, [&] { session_->seat_of(partition).log.skip(count); });
}

// -- processors
// ------------------------------------------------------------------------------------

size_t testkit_base::pending() const {
  return session_->pending();
}

bool testkit_base::step() {
  auto result = false;
  act(*session_, [&] { result = session_->step(); });
  return result;
}

size_t testkit_base::run(size_t most) {
  size_t result = 0;
  while (result < most && step())
    ++result;
  return result;
}

uint32_t testkit_base::find_stage(std::string_view name, const std::type_info& job_type) const {
  auto& stages = session_->source().stages;
  std::vector<std::string> names;
  for (uint32_t index = 0; index < stages.size(); ++index) {
    names.push_back(stages[index]->name());
    if (names.back() != name)
      continue;
    auto job = stages[index]->make_job();
    auto& actual = *job;
    if (typeid(actual) != job_type)
      throw testkit_error{"stage " + quoted(name) + " was defined with the types "
                          + types_of(typeid(actual)) + ", not " + types_of(job_type)};
    return index;
  }
  throw testkit_error{"there is no stage " + quoted(name) + "; the source has: " + joined(names)};
}

std::vector<detail::test_job_view> testkit_base::ready_jobs(uint32_t stage) const {
  return session_->ready_jobs(stage);
}

detail::test_job_view testkit_base::ready_job(uint32_t stage,
                                              std::optional<std::string_view> key) const {
  auto ready = session_->ready_jobs(stage);
  std::vector<std::string> keys;
  for (auto& each : ready) {
    if (!key || (each.keyed && each.key == *key))
      return each;
    keys.push_back(each.key);
  }
  throw testkit_error{
    "stage " + quoted(session_->source().stages[stage]->name()) + " has no job that may be answered"
    + (key ? " of key " + quoted(*key) + "; of these keys: " + joined(keys) : std::string{})};
}

size_t testkit_base::jobs_in(uint32_t stage) const {
  return session_->jobs_in(stage);
}

void testkit_base::play(uint32_t stage, std::function<void(detail::job&)> processor) {
  session_->played[stage] = std::move(processor);
}

namespace {

std::string sentence_of(const rig::session& session, const detail::test_job_view& job) {
  return "the job of key " + quoted(job.key) + " in stage "
         + quoted(session.source().stages[job.stage]->name()) + " (partition "
         + std::to_string(job.partition) + ", offset " + std::to_string(job.offset) + ")";
}

rig::job_desk::waiting_job& find(rig::session& session, const detail::test_job_view& job) {
  if (auto found = session.find_job(job.id); found.waiting != nullptr)
    return *found.waiting;
  auto what = sentence_of(session, job);
  if (session.was_answered(job.id))
    throw testkit_error{what + " was answered already"};
  if (session.has_timed_out(job.id))
    throw testkit_error{what
                        + " has timed out with others of its run; the first of them stands "
                          "for the call that goes on"};
  throw testkit_error{what
                      + " is gone: it had not begun when its partition stopped or was taken away; "
                        "test_job::begin would have kept it"};
}

} // namespace

detail::job& testkit_base::look_at(const detail::test_job_view& job) const {
  auto& found = find(*session_, job);
  if (found.call != nullptr)
    return *found.call;
  if (found.job != nullptr)
    return *found.job;
  if (!found.overdue->shown)
    throw testkit_error{sentence_of(*session_, job)
                        + " has timed out and was finalized, and it could not be copied before, so "
                          "there is nothing to look at"};
  return *found.overdue->copies.front();
}

detail::job& testkit_base::to_answer(const detail::test_job_view& job) const {
  if (session_->acting())
    throw testkit_error{"a job cannot be answered from inside a handler, finalizer or processor"};
  auto& found = find(*session_, job);
  if (found.call != nullptr)
    throw testkit_error{"the asynchronous function was called for " + sentence_of(*session_, job)
                        + ": it is answered by its completion"};
  return found.job != nullptr ? *found.job : *found.overdue->copies.front();
}

void testkit_base::answered(const detail::test_job_view& job) {
  act(*session_, [&] { session_->give_back(job.id); });
}

void testkit_base::fail(const detail::test_job_view& job, caf::error reason) {
  if (!reason)
    throw testkit_error{"a job cannot fail without an error; answer() ends it well"};
  session_->source().stages[job.stage]->fail(to_answer(job), std::move(reason));
  answered(job);
}

void testkit_base::call(const detail::test_job_view& job) {
  to_answer(job);
  act(*session_, [&] { session_->call(job.id); });
}

void testkit_base::die(const detail::test_job_view& job) {
  to_answer(job);
  auto& stage = *session_->source().stages[job.stage];
  if (stage.kind() != processor_kind::actor)
    throw testkit_error{"stage " + quoted(stage.name())
                        + " has no handler actor that could die; use fail()"};
  act(*session_, [&] { session_->die(job.id); });
}

void testkit_base::begin(const detail::test_job_view& job) {
  to_answer(job);
  session_->begin(job.id);
}

// -- batches
// ---------------------------------------------------------------------------------------

std::vector<uint64_t> testkit_base::batches_of(uint32_t batcher) const {
  std::vector<uint64_t> result;
  for (auto& each : session_->batches().under_way(batcher))
    result.push_back(each.id);
  return result;
}

uint64_t testkit_base::first_batch(uint32_t batcher) const {
  auto all = batches_of(batcher);
  if (all.empty())
    throw testkit_error{"batcher " + quoted(session_->source().stages[batcher]->name())
                        + " has no batch under way; items that wait: "
                        + std::to_string(state_of_batcher(batcher).waiting_items)};
  return all.front();
}

std::span<detail::batch_entry* const> testkit_base::items_of(uint64_t batch) const {
  auto* found = session_->batches().find(batch);
  if (found == nullptr)
    throw testkit_error{"the batch was answered already, or its process crashed"};
  return found->items->items;
}

void testkit_base::batch_executed(uint64_t batch, const caf::error& reason) {
  items_of(batch);
  act(*session_, [&] {
    if (reason)
      core::fail(*session_->batches().find(batch)->items, reason);
    session_->give_back_batch(batch);
  });
}

void testkit_base::execute_batch(uint64_t batch) {
  items_of(batch);
  act(*session_, [&] { session_->execute_batch(batch); });
}

void testkit_base::play_batches(
  uint32_t batcher, std::function<void(std::span<detail::batch_entry* const>)> executor) {
  session_->batch_players[batcher] = [f = std::move(executor)](core::batch& which) {
    f(which.items);
  };
}

batcher_state testkit_base::state_of_batcher(uint32_t batcher) const {
  return session_->batches().state_of(batcher);
}

// -- time
// ------------------------------------------------------------------------------------------

void testkit_base::advance(std::chrono::milliseconds by) {
  if (by < std::chrono::milliseconds{0})
    throw testkit_error{"time does not go back"};
  act(*session_, [&] { session_->advance(by); });
}

std::chrono::steady_clock::time_point testkit_base::now() const {
  return session_->now();
}

std::chrono::system_clock::time_point testkit_base::wall_now() const {
  return session_->wall_now();
}

// -- outputs
// ---------------------------------------------------------------------------------------

const std::vector<test_output>& testkit_base::outputs() const {
  return session_->producer().outputs();
}

std::vector<std::string> testkit_base::values(std::string_view topic) const {
  std::vector<std::string> result;
  for (auto& each : outputs())
    if (topic.empty() || each.topic == topic)
      result.push_back(each.value.value_or("(null)"));
  return result;
}

void testkit_base::acknowledge(size_t index) {
  check_output(*session_, index);
  act(*session_, [&] { session_->report({&index, 1}, {}); });
}

void testkit_base::acknowledge_all() {
  for (auto waiting = session_->producer().unreported(); !waiting.empty();
       waiting = session_->producer().unreported())
    act(*session_, [&] { session_->report(waiting, {}); });
}

caf::error testkit_base::default_refusal() {
  return caf::make_error(errc::produce_failed, "the test refused the output");
}

void testkit_base::refuse(size_t index, caf::error reason) {
  check_output(*session_, index);
  act(*session_, [&] { session_->report({&index, 1}, reason); });
}

void testkit_base::refuse_outputs(std::function<bool(const outgoing_record&)> which) {
  session_->producer().refuses = std::move(which);
}

void testkit_base::producer_room(size_t records) {
  session_->producer().room = records;
}

// -- interjections
// ---------------------------------------------------------------------------------

std::future<caf::error> testkit_base::interject(int32_t partition,
                                                detail::interjection_function f) {
  check_partition(*session_, partition);
  auto promise = std::make_shared<std::promise<caf::error>>();
  auto result = promise->get_future();
  auto what = std::make_shared<detail::asked_interjection>(
    interjection_result{session_->source().config.topic, partition, {}}, "asked for", std::move(f),
    [promise](caf::error reason) { promise->set_value(std::move(reason)); });
  act(*session_, [&] {
    if (auto& seat = session_->seat_of(partition); seat.now)
      seat.now->core().interject(std::move(what));
    else
      what->fail(errc::not_assigned, "the partition is not assigned; assign() or restart() would "
                                     "do it");
  });
  return result;
}

// -- commits, partitions, errors
// -------------------------------------------------------------------

void testkit_base::commit() {
  act(*session_, [&] { session_->commit(); });
}

int64_t testkit_base::committed(int32_t partition) const {
  check_partition(*session_, partition);
  return session_->seat_of(partition).committed.value_or(-1);
}

int64_t testkit_base::committable(int32_t partition) const {
  return seat_of(*session_, partition, true).now->core().committable();
}

source_state testkit_base::state() const {
  return session_->state();
}

lifecycle testkit_base::state(int32_t partition) const {
  check_partition(*session_, partition);
  auto& seat = session_->seat_of(partition);
  return seat.now ? seat.now->meter().state.load() : lifecycle::unassigned;
}

const std::string& testkit_base::stop_reason(int32_t partition) const {
  check_partition(*session_, partition);
  return session_->seat_of(partition).stop_reason;
}

const std::vector<std::string>& testkit_base::skips() const {
  return session_->skips();
}

bool testkit_base::ended() const {
  return session_->ended();
}

const void* testkit_base::store_of(int32_t partition) const {
  auto* store = seat_of(*session_, partition, true).now->core().store_object();
  if (store == nullptr)
    throw testkit_error{"partition " + std::to_string(partition)
                        + " has no store: its factory failed, or calls of an earlier assignment "
                          "still run (test_job::begin)"};
  return store;
}

// -- hand-overs and crashes
// ------------------------------------------------------------------------

void testkit_base::revoke(int32_t partition) {
  seat_of(*session_, partition, true);
  act(*session_,
      [&] { session_->begin_hand_over(partition, session_->source().config.drain_deadline); });
}

void testkit_base::lose(int32_t partition) {
  seat_of(*session_, partition, true);
  act(*session_, [&] { session_->lose(partition); });
}

void testkit_base::assign(int32_t partition) {
  seat_of(*session_, partition, false);
  act(*session_, [&] { session_->assign(partition); });
}

void testkit_base::stop() {
  act(*session_, [&] { session_->stop(); });
}

void testkit_base::fail_intake(caf::error reason, int32_t partition) {
  auto& seat = seat_of(*session_, partition, true);
  act(*session_, [&] { seat.now->core().stop(std::move(reason)); });
}

void testkit_base::crash() {
  act(*session_, [&] { session_->crash(); });
}

void testkit_base::restart() {
  for (int32_t number = 0; static_cast<size_t>(number) < session_->seats().size(); ++number)
    seat_of(*session_, number, false);
  act(*session_, [&] { session_->restart(); });
}

// -- for reports
// -----------------------------------------------------------------------------------

uint64_t testkit_base::seed() const {
  return session_->seed();
}

} // namespace keyloom
