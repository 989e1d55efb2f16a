// A partition against a model of it: random records, random work, random answers, in every mode.
// The same seed gives the same run. A failed test prints its seed and the command that replays it.
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <random>

namespace {

using namespace keyloom;

enum class ending { run_out, drain, stop, give_up };

constexpr size_t max_key_size = 3;

struct mode {
  output_order order;
  bool serial;
};

constexpr mode modes[] = {
  {output_order::by_key, false},  {output_order::by_key, true}, {output_order::by_event, false},
  {output_order::by_event, true}, {output_order::none, false},  {output_order::none, true},
};

struct job_payload {
  size_t event = 0;
  size_t job = 0;
};

/// What the model knows of an event: what was asked of it, and what happened.
struct model_event {
  int64_t offset = 0;
  std::optional<std::string> key;
  bool taken = false; ///< its batch was given to the partition
  bool handled = false;
  bool failed = false;
  size_t open_jobs = 0;   ///< not finalized
  size_t unprocessed = 0; ///< of the jobs that were sent
  size_t acknowledged = 0;
  std::vector<std::string> outputs; ///< of turns that ended well
  size_t produced = 0;

  /// A failed event's jobs need not be finalized: it is enough that they came back.
  bool complete() const { return handled && (failed ? unprocessed : open_jobs) == 0; }
};

struct model_job {
  size_t event = 0;
  uint32_t stage = 0;
  std::string key;
  bool processed = false;
  unsigned finalized = 0;
};

class random_run {
public:
  random_run(uint64_t seed, mode how, ending end) : random_(seed), how_(how), end_(end) {
    define();
    make_records();
  }

  /// Empty, or what was wrong.
  std::string run() {
    rig_.start();
    last_committable_ = rig_.core->committable();
    auto steps = pick(150);
    for (size_t step = 0; violations_.empty() && (end_ == ending::run_out || step < steps);
         ++step) {
      if (!random_step() && end_ == ending::run_out)
        break;
      check();
    }
    if (violations_.empty() && end_ != ending::give_up) {
      if (end_ == ending::drain) {
        rig_.core->begin_drain();
        draining_ = true;
      } else if (end_ == ending::stop) {
        rig_.core->stop(caf::make_error(errc::kafka_failed, "the test stops it"));
        stopped_ = true;
      }
      check();
      finish();
    }
    auto committable = rig_.core->committable();
    rig_.core->give_up();
    if (rig_.core->committable() != committable)
      wrong("I6: giving up changed what may be committed");
    check_meters();
    for (auto& each : rig_.runs.violations)
      wrong(each);
    return violations_.empty() ? std::string{} : violations_.front();
  }

private:
  size_t pick(size_t below) { return std::uniform_int_distribution<size_t>{0, below - 1}(random_); }
  bool chance(unsigned percent) { return pick(100) < percent; }
  void wrong(std::string what) { violations_.push_back(std::move(what)); }
  static std::string text(size_t number) { return std::to_string(number); }

  // -- what is asked of the partition
  // ----------------------------------------------------------------

  void define() {
    auto& cfg = rig_.source->config;
    cfg.output_order = how_.order;
    cfg.key_turns = how_.serial ? key_turns::serial : key_turns::interleaved;
    cfg.on_error = failure_action::skip;
    cfg.chain_limit = static_cast<uint32_t>(1 + pick(4));
    cfg.chain_time = std::chrono::milliseconds{20};
    cfg.credit = 10;
    rig_.on_default([this](context<>& ctx, const record& rec) { return handle(ctx, rec); });
    stage_limits tight{1, static_cast<uint32_t>(1 + pick(8)), static_cast<uint32_t>(1 + pick(4))};
    stages_.push_back(add(
      blocking([this](std::string_view key, job_payload& j) { return process(key, j); }), tight));
    stages_.push_back(add(
      compute([this](std::string_view key, job_payload& j) { return process(key, j); }), tight));
    stages_.push_back(
      add(blocking([this](std::string_view key, job_payload& j) { return process(key, j); }), {}));
    rig_.outputs.accepted = [this](const outgoing_record& rec) { on_produced(rec); };
  }

  template <class Processor>
  stage_handle<job_payload> add(Processor processor, stage_limits limits) {
    auto finalizer = [this](context<>& ctx, std::string_view key, job_payload& j,
                            caf::expected<int> result) {
      return finalize(ctx, key, j, std::move(result));
    };
    return fakes::add_stage<no_store, job_payload, int>(*rig_.source,
                                                        "stage" + text(stages_.size()),
                                                        std::move(processor), finalizer,
                                                        {.limits = limits});
  }

  void make_records() {
    int64_t offset = static_cast<int64_t>(pick(5));
    for (auto count = 2 + pick(8); count > 0; --count) {
      std::vector<fakes::test_record> records;
      for (auto left = chance(15) ? 0 : 1 + pick(8); left > 0; --left) {
        model_event ev;
        ev.offset = offset;
        if (!chance(15))
          ev.key = std::string(pick(max_key_size + 1), 'k'); // the empty key is one, too
        records.push_back({offset, ev.key, text(events_.size())});
        events_.push_back(std::move(ev));
        offset += 1 + static_cast<int64_t>(chance(20) ? pick(5) : 0);
      }
      if (chance(30))
        offset += static_cast<int64_t>(pick(4));
      batches_.push_back(fakes::make_batch(records, offset));
    }
  }

  // -- the user's code
  // ---------------------------------------------------------------------------------

  outcome handle(context<>& ctx, const record& rec) {
    auto index = std::stoul(std::string{rec.value});
    auto& ev = events_[index];
    if (ev.handled)
      wrong("I12: the handler of event " + text(index) + " ran twice");
    if (draining_ || stopped_)
      wrong("a handler ran after the end of intake");
    ev.handled = true;
    check_turn_order(index);
    if (chance(45))
      return turn(ctx, index, false);
    return turn(ctx, index, true);
  }

  caf::expected<int> process(std::string_view key, job_payload& j) {
    auto& job = jobs_[j.job];
    if (job.key != key)
      wrong("I3: a job came with another key");
    if (std::exchange(job.processed, true))
      wrong("I3: job " + text(j.job) + " was processed twice");
    auto& last = last_processed_[{job.stage, job.key}];
    if (j.job < last)
      wrong("I3: job " + text(j.job) + " of key '" + job.key + "' was processed after job "
            + text(last));
    last = j.job;
    --events_[job.event].unprocessed;
    returned_.push_back(j.job);
    if (chance(5))
      throw std::runtime_error{"a random failure"};
    if (chance(5))
      return caf::make_error(errc::processor_failed, "a random error");
    return 1;
  }

  outcome finalize(context<>& ctx, std::string_view key, job_payload& j,
                   caf::expected<int> result) {
    auto& job = jobs_[j.job];
    auto& ev = events_[job.event];
    if (++job.finalized > 1)
      wrong("I5: the finalizer of job " + text(j.job) + " ran twice");
    if (job.key != key || !job.processed)
      wrong("I5: a finalizer got another job's result");
    if (ctx.offset() != ev.offset)
      wrong("a finalizer ran for another record");
    if (ev.failed || stopped_)
      wrong("a finalizer ran for an event that has ended");
    auto& last = last_finalized_[{job.stage, job.key}];
    if (j.job < last)
      wrong("I3: the finalizers of key '" + job.key + "' ran out of order");
    last = j.job;
    --ev.open_jobs;
    if (!result) {
      ev.failed = true;
      return result.error();
    }
    return turn(ctx, job.event, chance(30));
  }

  /// Sends, schedules, fails, or does nothing.
  outcome turn(context<>& ctx, size_t index, bool schedules) {
    auto& ev = events_[index];
    std::vector<std::string> sent;
    for (auto count = chance(50) ? pick(3) : 0; count > 0; --count) {
      sent.push_back(text(index) + "/" + text(ev.outputs.size() + sent.size()));
      ctx.forward({.topic = "out", .value = sent.back()});
    }
    auto result = complete;
    size_t scheduled = 0;
    if (schedules) {
      for (auto count = 1 + pick(2); count > 0; --count, ++scheduled) {
        auto stage = static_cast<uint32_t>(pick(stages_.size()));
        auto key = ev.key && chance(60) ? *ev.key : std::string(pick(4), 'j');
        jobs_.push_back({index, stage, key});
        auto own = ev.key && key == *ev.key;
        result = stages_[stage].schedule(ctx, own ? ctx.input().key : std::string_view{key},
                                         job_payload{index, jobs_.size() - 1});
      }
    }
    auto dice = pick(100);
    if (dice < 4 || dice > 97 || (dice < 8 && scheduled == 0 && ev.open_jobs == 0)) {
      ev.failed = true;
      drop_jobs(scheduled);
      if (dice < 4)
        return outcome{errc::decode_failed, "a random error"};
      if (dice > 97)
        throw std::runtime_error{"a random failure"};
      return incomplete; // and nothing is pending
    }
    ev.outputs.insert(ev.outputs.end(), sent.begin(), sent.end());
    ev.open_jobs += scheduled;
    ev.unprocessed += scheduled;
    return result;
  }

  /// The turn that scheduled them failed: they must never be seen.
  void drop_jobs(size_t count) {
    for (; count > 0; --count)
      jobs_[jobs_.size() - count].processed = true;
  }

  void check_turn_order(size_t index) {
    auto& ev = events_[index];
    if (!ev.key)
      return;
    uint32_t held = 0;
    for (size_t i = 0; i < index; ++i) {
      auto& before = events_[i];
      if (before.key != ev.key)
        continue;
      if (!before.handled)
        wrong("the handlers of key '" + *ev.key + "' ran out of order");
      if (!before.complete()) {
        ++held;
        if (how_.serial)
          wrong("serial: event " + text(index)
                + " began while an earlier one of its key was incomplete");
      }
    }
    if (how_.order == output_order::by_key && held >= rig_.source->config.chain_limit)
      wrong("the chain of key '" + *ev.key + "' grew beyond its limit");
  }

  // -- the producer
  // ------------------------------------------------------------------------------------

  void on_produced(const outgoing_record& rec) {
    auto slash = rec.value->find('/');
    auto index = std::stoul(rec.value->substr(0, slash));
    auto& ev = events_[index];
    if (!ev.complete())
      wrong("I7: an output of event " + text(index) + " left before the event was complete");
    if (ev.produced >= ev.outputs.size() || ev.outputs[ev.produced] != *rec.value)
      wrong("I7: output " + *rec.value + " is not the next one of its event");
    ++ev.produced;
    if (stopped_)
      wrong("an output left after the partition had stopped");
    if (how_.order == output_order::none)
      return;
    for (size_t i = 0; i < index; ++i) {
      auto& before = events_[i];
      auto matters = how_.order == output_order::by_event || (ev.key && before.key == ev.key);
      if (matters && (!before.complete() || before.produced < before.outputs.size()))
        wrong("I7: event " + text(index) + " was released before event " + text(i));
    }
  }

  // -- random steps
  // ------------------------------------------------------------------------------------

  /// False: nothing is left to do.
  bool random_step() {
    std::vector<size_t> choices;
    if (next_batch_ < batches_.size())
      choices.insert(choices.end(), 2, 0);
    if (!rig_.runs.busy().empty())
      choices.insert(choices.end(), 4, 1);
    if (!rig_.outputs.unreported.empty())
      choices.insert(choices.end(), 3, 2);
    if (rig_.core->has_unsent())
      choices.push_back(3);
    if (choices.empty())
      return false;
    switch (choices[pick(choices.size())]) {
      case 0:
        take_batch();
        break;
      case 1:
        answer(1 + pick(4));
        break;
      case 2:
        acknowledge();
        break;
      default:
        rig_.outputs.room = 1 + pick(4);
        rig_.core->retry_unsent();
    }
    if (chance(10))
      rig_.outputs.room = pick(4);
    if (chance(20))
      rig_.outputs.room = SIZE_MAX;
    rig_.clock.advance(std::chrono::milliseconds{pick(8)});
    return true;
  }

  void take_batch() {
    auto batch = std::move(batches_[next_batch_++]);
    position_ = batch->next_offset();
    for (auto& rec : batch->records())
      events_[std::stoul(std::string{rec.value})].taken = true;
    rig_.meter.starved = true;
    rig_.take(std::move(batch));
  }

  void answer(size_t limit) {
    auto busy = rig_.runs.busy();
    auto answered = rig_.runs.answer(busy[pick(busy.size())], static_cast<uint32_t>(limit));
    rig_.core->finished(std::move(answered));
    for (auto job : std::exchange(returned_, {}))
      if (jobs_[job].finalized == 0 && !stopped_ && !events_[jobs_[job].event].failed)
        wrong("I5: job " + text(job) + " came back and was not finalized");
  }

  void acknowledge() {
    std::vector<core::delivery> reports;
    for (auto count = 1 + pick(4); count > 0 && !rig_.outputs.unreported.empty(); --count) {
      auto index = pick(rig_.outputs.unreported.size());
      if (stopped_ && chance(30)) { // a refusal may still come when the partition has stopped
        reports.push_back(
          rig_.outputs.report(index, caf::make_error(errc::produce_failed, "refused")));
        continue;
      }
      auto& value = rig_.outputs.unreported[index].value;
      ++events_[std::stoul(value.substr(0, value.find('/')))].acknowledged;
      ++acknowledged_;
      reports.push_back(rig_.outputs.report(index));
    }
    rig_.core->delivered(reports);
  }

  /// Lets everything come to its end.
  void finish() {
    while (violations_.empty()) {
      rig_.outputs.room = SIZE_MAX;
      if (rig_.core->has_unsent())
        rig_.core->retry_unsent();
      else if (!rig_.runs.busy().empty())
        answer(1 + pick(4));
      else if (!rig_.outputs.unreported.empty())
        acknowledge();
      else
        break;
      check();
    }
    if (!violations_.empty())
      return;
    if (!rig_.core->drained())
      wrong("everything came back, but the partition is not drained");
    if (end_ == ending::run_out)
      check_all_out();
    if (end_ != ending::stop)
      for (size_t i = 0; i < jobs_.size(); ++i)
        if (!jobs_[i].processed)
          wrong("I5: job " + text(i) + " was never processed");
  }

  // -- what must hold
  // ------------------------------------------------------------------------------------

  /// The events that are out, by the model; exact while nothing waits for room in the producer's
  /// queue.
  std::vector<bool> expected_out() const {
    std::vector<bool> result(events_.size());
    bool blocked[max_key_size + 1] = {}; // keys differ in their sizes
    auto all_blocked = false;
    for (size_t i = 0; i < events_.size(); ++i) {
      auto& ev = events_[i];
      auto chained = ev.key && (how_.order == output_order::by_key || how_.serial);
      auto released = ev.complete() && !all_blocked && !(chained && blocked[ev.key->size()]);
      result[i] = released && ev.acknowledged == ev.outputs.size();
      if (!released) {
        if (ev.key)
          blocked[ev.key->size()] = true;
        all_blocked = how_.order == output_order::by_event;
      }
    }
    return result;
  }

  void check() {
    auto is_out = expected_out();
    auto lowest = position_;
    size_t taken = 0;
    for (size_t i = events_.size(); i-- > 0;) {
      taken += events_[i].taken;
      if (events_[i].taken && !is_out[i])
        lowest = events_[i].offset;
    }
    auto committable = rig_.core->committable();
    auto shown = [&] {
      return "; " + std::to_string(committable) + " instead of " + std::to_string(lowest);
    };
    if (committable < last_committable_)
      wrong("I1: what may be committed went back" + shown());
    if (committable > lowest)
      wrong("I2: something that is not out may be committed" + shown());
    auto exact = !stopped_ && !rig_.core->has_unsent();
    if (exact && next_batch_ > 0 && committable != lowest)
      wrong("I1: what may be committed is not the lowest offset not out" + shown());
    last_committable_ = committable;
    if (rig_.meter.committable != committable)
      wrong("the meter's committable offset is not the partition's");
    if (exact
        && rig_.meter.in_flight
             != static_cast<int64_t>(taken) - std::count(is_out.begin(), is_out.end(), true))
      wrong("the meter's in_flight is not what is taken in and not out");
    if (rig_.totals.out + static_cast<uint64_t>(rig_.meter.in_flight.load()) != taken)
      wrong("I12: records out and in flight are not those taken in");
  }

  void check_all_out() {
    if (rig_.core->committable() != position_)
      wrong("I1: all is out, but the position may not be committed");
    size_t skipped = 0;
    for (size_t i = 0; i < events_.size(); ++i) {
      auto& ev = events_[i];
      skipped += ev.failed;
      if (!ev.complete())
        wrong("I12: event " + text(i) + " was left behind");
      if (ev.produced != ev.outputs.size())
        wrong("I7: event " + text(i) + " lost outputs");
    }
    for (size_t i = 0; i < jobs_.size(); ++i)
      if (jobs_[i].finalized == 0 && !events_[jobs_[i].event].failed)
        wrong("I5: job " + text(i) + " was not finalized");
    if (rig_.totals.skipped != skipped || rig_.incidents.skips.size() != skipped)
      wrong("I12: " + text(rig_.totals.skipped) + " skipped instead of " + text(skipped));
    if (rig_.totals.forwarded != acknowledged_)
      wrong("I12: the count of forwarded records is wrong");
    if (rig_.meter.window != 0)
      wrong("all is out, but the window is not empty");
    if (!events_.empty() && rig_.intake.woken == 0)
      wrong("the poller waits for credit and was not woken");
  }

  void check_meters() {
    if (rig_.totals.in_flight != 0)
      wrong("given up, but in_flight is " + std::to_string(rig_.totals.in_flight));
    for (size_t i = 0; i < stages_.size(); ++i)
      if (rig_.meters[i].jobs != 0 || rig_.meters[i].keys != 0)
        wrong("given up, but stage " + text(i) + " counts jobs or keys");
  }

  std::mt19937_64 random_;
  mode how_;
  ending end_;
  std::vector<std::string> violations_;
  std::vector<model_event> events_;
  std::vector<core::record_batch_ptr> batches_;
  size_t next_batch_ = 0;
  std::vector<model_job> jobs_;
  std::vector<size_t> returned_;
  std::map<std::pair<uint32_t, std::string>, size_t> last_processed_;
  std::map<std::pair<uint32_t, std::string>, size_t> last_finalized_;
  std::vector<stage_handle<job_payload>> stages_;
  int64_t position_ = 0;
  int64_t last_committable_ = 0;
  uint64_t acknowledged_ = 0;
  bool draining_ = false;
  bool stopped_ = false;
  fakes::partition_rig rig_;
};

/// Runs all modes with every seed; KEYLOOM_SEED=n in the environment: with that seed alone.
void run_seeds(const std::string& test, ending end, uint64_t last) {
  uint64_t first = 1;
  if (auto* seed = std::getenv("KEYLOOM_SEED"))
    first = last = std::strtoull(seed, nullptr, 10);
  size_t runs = 0;
  for (auto seed = first; seed <= last; ++seed)
    for (size_t i = 0; i < std::size(modes); ++i, ++runs)
      if (auto violation = random_run{seed * 8 + i, modes[i], end}.run(); !violation.empty())
        FAIL("seed " << seed << ", output_order " << static_cast<int>(modes[i].order)
                     << (modes[i].serial ? ", serial: " : ", interleaved: ") << violation
                     << "\nreplay: KEYLOOM_SEED=" << seed << " unit_tests \"" << test << '"');
  CHECK(runs == (last - first + 1) * std::size(modes));
}

} // namespace

TEST_CASE("I1 I2 I3 I5 I7 I12: whatever order work comes back in, every record gets out in order") {
  run_seeds("I1 I2 I3 I5 I7 I12: whatever*", ending::run_out, 170);
}

TEST_CASE("I2 I5 I12: a partition that is drained at any point finishes what it began") {
  run_seeds("I2 I5 I12: a partition that is drained*", ending::drain, 60);
}

TEST_CASE("I2 I12: a partition that is stopped at any point waits for acknowledgements only") {
  run_seeds("I2 I12: a partition that is stopped*", ending::stop, 60);
}

TEST_CASE("I2 I6: a partition that is given up at any point leaves its meters balanced") {
  run_seeds("I2 I6: a partition that is given up*", ending::give_up, 60);
}
