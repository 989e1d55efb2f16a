// A partition against a model of it: random records, random work, random answers, in every mode.
// The same seed gives the same run. A failed test prints its seed and the command that replays it.
#include "tests/unit/core/random_user.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

namespace {

using namespace keyloom;
using test::random_user;

enum class ending { run_out, drain, stop, give_up };

constexpr random_user::mode modes[] = {
  {output_order::by_key, false},  {output_order::by_key, true}, {output_order::by_event, false},
  {output_order::by_event, true}, {output_order::none, false},  {output_order::none, true},
};

class random_run : random_user {
public:
  random_run(uint64_t seed, mode how, ending end) : random_user(seed, how), end_(end) {}

  /// Empty, or what was wrong.
  std::string run() {
    rig_.start();
    last_committable_ = rig_.core->committable();
    auto steps = pick(150);
    for (size_t step = 0; model_.violations.empty() && (end_ == ending::run_out || step < steps);
         ++step) {
      if (!random_step() && end_ == ending::run_out)
        break;
      check();
    }
    if (model_.violations.empty() && end_ != ending::give_up) {
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
    return model_.violations.empty() ? std::string{} : model_.violations.front();
  }

private:
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
    if (!completions_.empty())
      choices.push_back(4);
    if (!by_hand_.empty())
      choices.insert(choices.end(), 2, 5);
    if (rig_.core->next_retry())
      choices.push_back(6);
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
      case 3:
        rig_.outputs.room = 1 + pick(4);
        rig_.core->retry_unsent();
        break;
      case 4:
        complete_by_hand(some_completion());
        break;
      case 5:
        bring();
        break;
      default:
        retry();
    }
    if (chance(5)) {
      rig_.source->stages[pick(stages_.size())]->set_limits(some_limits());
      rig_.core->limits_changed();
    }
    if (chance(10))
      rig_.outputs.room = pick(4);
    if (chance(20))
      rig_.outputs.room = SIZE_MAX;
    rig_.clock.advance(std::chrono::milliseconds{pick(8)});
    return true;
  }

  /// Lets time pass until something is to be called again.
  void retry() {
    auto now = rig_.clock.now();
    if (auto due = *rig_.core->next_retry(); due > now)
      rig_.clock.advance(std::chrono::ceil<std::chrono::milliseconds>(due - now));
    rig_.core->retry_due();
  }

  size_t some_completion() {
    auto it = completions_.begin();
    std::advance(it, pick(completions_.size()));
    return it->first;
  }

  void take_batch() {
    auto batch = std::move(batches_[next_batch_++]);
    position_ = batch->next_offset();
    for (auto& rec : batch->records())
      model_.events[std::stoul(std::string{rec.value})].taken = true;
    rig_.meter.starved = true;
    rig_.take(std::move(batch));
  }

  void answer(size_t limit) {
    auto busy = rig_.runs.busy();
    auto answered = rig_.runs.answer(busy[pick(busy.size())], static_cast<uint32_t>(limit));
    rig_.core->finished(std::move(answered));
    for (auto number : std::exchange(returned_, {})) {
      auto& job = model_.jobs[number];
      if (!job.processed) // it is called again
        continue;
      job.gone = true;
      if (job.finalized == 0 && !stopped_ && !model_.events[job.event].failed)
        wrong("I5: job " + text(number) + " came back and was not finalized");
    }
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
      ++model_.events[std::stoul(value.substr(0, value.find('/')))].acknowledged;
      ++acknowledged_;
      reports.push_back(rig_.outputs.report(index));
    }
    rig_.core->delivered(reports);
  }

  /// Lets everything come to its end.
  void finish() {
    while (model_.violations.empty()) {
      rig_.outputs.room = SIZE_MAX;
      if (rig_.core->has_unsent())
        rig_.core->retry_unsent();
      else if (!rig_.runs.busy().empty())
        answer(1 + pick(4));
      else if (!rig_.outputs.unreported.empty())
        acknowledge();
      else if (!by_hand_.empty())
        bring();
      else if (!completions_.empty())
        complete_by_hand(some_completion());
      else if (rig_.core->next_retry())
        retry();
      else
        break;
      check();
    }
    if (!model_.violations.empty())
      return;
    if (!rig_.core->drained())
      wrong("everything came back, but the partition is not drained");
    if (end_ == ending::run_out)
      check_all_out();
    // What was parked at the end of intake is left to the next owner, with what stands behind it.
    if (end_ != ending::stop && parked() == 0)
      for (size_t i = 0; i < model_.jobs.size(); ++i)
        if (auto& job = model_.jobs[i];
            !job.processed && !job.dropped && job.what != test::model_job::kind::pass)
          wrong("I5: job " + text(i) + " was never processed");
  }

  // -- what must hold
  // ------------------------------------------------------------------------------------

  /// The events that are out, by the model; exact while nothing waits for room in the producer's
  /// queue.
  std::vector<bool> expected_out() const {
    std::vector<bool> result(model_.events.size());
    bool blocked[max_key_size + 1] = {}; // keys differ in their sizes
    auto all_blocked = false;
    for (size_t i = 0; i < model_.events.size(); ++i) {
      auto& ev = model_.events[i];
      auto chained = ev.key && (how_.order == output_order::by_key || how_.serial);
      auto released = model_.complete(ev) && !all_blocked && !(chained && blocked[ev.key->size()]);
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
    for (size_t i = model_.events.size(); i-- > 0;) {
      taken += model_.events[i].taken;
      if (model_.events[i].taken && !is_out[i])
        lowest = model_.events[i].offset;
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
    for (size_t i = 0; i < model_.events.size(); ++i) {
      auto& ev = model_.events[i];
      skipped += ev.failed;
      if (!model_.complete(ev))
        wrong("I12: event " + text(i) + " was left behind");
      if (ev.produced != ev.outputs.size())
        wrong("I7: event " + text(i) + " lost outputs");
    }
    for (size_t i = 0; i < model_.jobs.size(); ++i)
      if (auto& job = model_.jobs[i]; job.finalized == 0 && !job.dropped
                                      && job.what != test::model_job::kind::pass
                                      && !model_.events[job.event].failed)
        wrong("I5: job " + text(i) + " was not finalized");
    if (rig_.totals.skipped != skipped || rig_.incidents.skips.size() != skipped)
      wrong("I12: " + text(rig_.totals.skipped) + " skipped instead of " + text(skipped));
    if (rig_.totals.forwarded != acknowledged_)
      wrong("I12: the count of forwarded records is wrong");
    if (rig_.meter.window != 0)
      wrong("all is out, but the window is not empty");
    if (!model_.events.empty() && rig_.intake.woken == 0)
      wrong("the poller waits for credit and was not woken");
  }

  int64_t parked() const {
    int64_t result = rig_.totals.parked;
    for (size_t i = 0; i < stages_.size(); ++i)
      result += rig_.meters[i].parked;
    return result;
  }

  void check_meters() {
    if (parked() != 0)
      wrong("given up, but something counts as parked");
    if (rig_.totals.in_flight != 0)
      wrong("given up, but in_flight is " + std::to_string(rig_.totals.in_flight));
    for (size_t i = 0; i < stages_.size(); ++i)
      if (rig_.meters[i].jobs != 0 || rig_.meters[i].keys != 0)
        wrong("given up, but stage " + text(i) + " counts jobs or keys");
  }

  ending end_;
  size_t next_batch_ = 0;
  int64_t position_ = 0;
  int64_t last_committable_ = 0;
  uint64_t acknowledged_ = 0;
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
