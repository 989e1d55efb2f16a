// What a random run of a partition knows of its events and jobs: what was asked, what happened, and
// what follows from both. Small and slow on purpose; notes in `violations` what must not happen.
#pragma once

#include "runtime/core/stage_queue.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace keyloom::test {

/// What the model knows of an event.
struct model_event {
  int64_t offset = 0;
  std::optional<std::string> key;
  bool taken = false; ///< its batch was given to the partition
  bool handled = false;
  bool failed = false;
  unsigned tries = 0;     ///< of its handler
  size_t open_jobs = 0;   ///< not finalized
  size_t unprocessed = 0; ///< of the jobs that were sent
  size_t acknowledged = 0;
  std::vector<size_t> passes;       ///< of turns that ended well
  std::vector<std::string> outputs; ///< of turns that ended well
  size_t produced = 0;
};

struct model_job {
  enum class kind { work, pass, by_hand };

  size_t event = 0;
  uint32_t stage = 0;
  std::string key;
  kind what = kind::work;
  bool dropped = false; ///< its turn failed: it must never be seen
  bool processed = false;
  unsigned tries = 0;
  unsigned finalized = 0;
  bool gone = false;         ///< its stage is done with it
  mutable bool over = false; ///< of a pass
};

/// How a stage schedules its jobs.
struct model_stage {
  stage_mode mode = stage_mode::by_key;
  bool lanes = false; ///< a pass waits for its lane, which its key shares with others
};

class work_model {
public:
  std::vector<model_stage> stages;
  std::vector<model_event> events;
  std::deque<model_job> jobs; ///< references stay valid while jobs are added
  std::vector<std::string> violations;

  void wrong(std::string what) { violations.push_back(std::move(what)); }

  /// A job's number.
  size_t schedule(size_t event, uint32_t stage, std::string key, model_job::kind what) {
    jobs.push_back({event, stage, std::move(key), what});
    return jobs.size() - 1;
  }

  /// The turn that scheduled the last `count` jobs ended.
  void end_turn(size_t event, size_t count, bool well) {
    for (auto i = jobs.size() - count; i < jobs.size(); ++i) {
      jobs[i].dropped = !well;
      if (!well)
        continue;
      if (jobs[i].what == model_job::kind::pass) {
        events[event].passes.push_back(i);
      } else {
        ++events[event].open_jobs;
        ++events[event].unprocessed;
      }
    }
  }

  /// The processor of a job is called.
  void on_processed(size_t number, std::string_view key) {
    auto& job = jobs[number];
    if (job.key != key)
      wrong("I3: a job came with another key");
    if (job.dropped || std::exchange(job.processed, true))
      wrong("I3: job " + text(number) + " was processed twice, or though its turn had failed");
    auto& last = last_processed_[{job.stage, group(number)}];
    if (number < last)
      wrong("I3: job " + text(number) + " of key '" + job.key + "' was processed after job "
            + text(last));
    last = number;
    ++job.tries;
    --events[job.event].unprocessed;
  }

  /// The job that was processed is to be processed again.
  void on_job_retry(size_t number, unsigned most) {
    auto& job = jobs[number];
    if (!job.processed || job.finalized > 0 || job.tries > most)
      wrong("job " + text(number) + " is to be called again after " + text(job.tries) + " calls");
    job.processed = false;
    ++events[job.event].unprocessed;
  }

  /// The handler that failed is to be called again.
  void on_handler_retry(size_t event, unsigned most) {
    auto& ev = events[event];
    if (!ev.handled || !ev.failed || ev.tries > most)
      wrong("the handler of event " + text(event) + " is to be called again after " + text(ev.tries)
            + " calls");
    ev.handled = false;
    ev.failed = false;
  }

  /// The finalizer of a job is called.
  void on_finalized(size_t number, std::string_view key) {
    auto& job = jobs[number];
    if (++job.finalized > 1)
      wrong("I5: the finalizer of job " + text(number) + " ran twice");
    if (job.key != key || !job.processed || job.dropped)
      wrong("I5: a finalizer got another job's result");
    auto& last = last_finalized_[{job.stage, group(number)}];
    if (number < last)
      wrong("I3: the finalizers of key '" + job.key + "' ran out of order");
    last = number;
    --events[job.event].open_jobs;
  }

  /// A failed event's jobs need not be finalized: it is enough that they came back.
  bool complete(const model_event& ev) const {
    return ev.handled && (ev.failed ? ev.unprocessed : ev.open_jobs) == 0
           && std::all_of(ev.passes.begin(), ev.passes.end(), [&](size_t i) { return over(i); });
  }

  /// True when nothing is pending that could complete the event.
  bool idle(const model_event& ev) const {
    return ev.open_jobs == 0
           && std::all_of(ev.passes.begin(), ev.passes.end(), [&](size_t i) { return over(i); });
  }

private:
  static std::string text(size_t number) { return std::to_string(number); }

  /// The jobs that come one after the other have a group in common.
  std::string group(size_t number) const {
    auto& job = jobs[number];
    if (job.what == model_job::kind::by_hand)
      return text(number);
    switch (stages[job.stage].mode) {
      case stage_mode::by_key:
        return job.key;
      case stage_mode::by_partition:
        return "all";
      case stage_mode::unordered:
        return text(number);
    }
    return {};
  }

  static uint64_t lane(const model_job& job) {
    return (std::hash<std::string_view>{}(job.key) >> 40) % core::stage_queue::lanes;
  }

  /// A pass is over when what was scheduled before it is gone. While results are being brought in,
  /// this may say so a little early for those of failed events, which no finalizer shows.
  bool over(size_t number) const {
    auto& pass = jobs[number];
    auto before = [&](size_t i) {
      auto& job = jobs[i];
      if (job.stage != pass.stage || job.what != model_job::kind::work || job.dropped)
        return false;
      auto by_lane = stages[pass.stage].lanes && stages[pass.stage].mode == stage_mode::by_key;
      return by_lane ? lane(job) == lane(pass) : group(i) == group(number);
    };
    for (size_t i = 0; i < number && !pass.over; ++i)
      if (before(i) && !jobs[i].gone && !(jobs[i].processed && events[jobs[i].event].failed))
        return false;
    pass.over = true;
    return true;
  }

  std::map<std::pair<uint32_t, std::string>, size_t> last_processed_;
  std::map<std::pair<uint32_t, std::string>, size_t> last_finalized_;
};

} // namespace keyloom::test
