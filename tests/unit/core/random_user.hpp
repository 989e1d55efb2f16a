// The user of a random run: defines stages of every kind and mode, and does in each turn what the
// dice say: sends, schedules, passes, works by hand, fails. Tells the model all of it.
#pragma once

#include "tests/fakes/partition_rig.hpp"
#include "tests/unit/core/work_model.hpp"

#include <random>

namespace keyloom::test {

class random_user {
public:
  struct mode {
    output_order order;
    bool serial;
  };

  random_user(uint64_t seed, mode how) : random_(seed), how_(how) {
    define();
    make_records();
  }
  random_user(const random_user&) = delete;
  random_user& operator=(const random_user&) = delete;

protected:
  static constexpr size_t max_key_size = 3;

  struct job_payload {
    size_t event = 0;
    size_t job = 0;
  };

  struct called {
    size_t number;
    bool fails;
  };

  size_t pick(size_t below) { return std::uniform_int_distribution<size_t>{0, below - 1}(random_); }
  bool chance(unsigned percent) { return pick(100) < percent; }
  void wrong(std::string what) { model_.wrong(std::move(what)); }
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
    if (chance(50)) {
      retries_ = static_cast<unsigned>(1 + pick(2));
      cfg.retry = {.times = retries_,
                   .backoff = std::chrono::milliseconds{pick(6)},
                   .jitter = static_cast<uint32_t>(pick(101))};
    }
    rig_.incidents.on_retry = [this](const std::string& reason) { on_retry(reason); };
    rig_.on_default([this](context<>& ctx, const record& rec) { return handle(ctx, rec); });
    auto each = [this](std::string_view key, job_payload& j) { return process(key, j); };
    auto run = [this](std::string_view key, std::span<job_payload* const> jobs) {
      return process_run(key, jobs);
    };
    auto any = [this] { return static_cast<stage_mode>(pick(3)); };
    auto ordered = [this] { return static_cast<stage_mode>(pick(2)); };
    add(blocking(each), {.limits = some_limits(), .mode = any()});
    add(compute(each), {.limits = some_limits(), .mode = any()});
    add(blocking(each), {.limits = {}, .mode = any()});
    if (retries_ > 0) // by run, others than those that failed are called in between
      add(compute(each), {.limits = {}, .mode = any()});
    else if (chance(50))
      add(blocking(by_run(run)), {.limits = some_limits(), .mode = ordered()});
    else
      add(compute(by_run(run)), {.limits = some_limits(), .mode = ordered()});
    rig_.outputs.accepted = [this](const outgoing_record& rec) { on_produced(rec); };
  }

  stage_limits some_limits() {
    return {1, static_cast<uint32_t>(1 + pick(8)), static_cast<uint32_t>(1 + pick(4))};
  }

  template <class Processor>
  void add(Processor processor, const stage_options& how) {
    auto finalizer = [this](context<>& ctx, std::string_view key, job_payload& j,
                            caf::expected<int> result) {
      return finalize(ctx, key, j, std::move(result));
    };
    stages_.push_back(fakes::add_stage<no_store, job_payload, int>(
      *rig_.source, "stage" + text(stages_.size()), std::move(processor), finalizer, how));
    auto& added = *rig_.source->stages.back();
    auto lanes = added.kind() == processor_kind::compute && !added.by_run() && retries_ == 0;
    model_.stages.push_back({how.mode, lanes});
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
        records.push_back({offset, ev.key, text(model_.events.size())});
        model_.events.push_back(std::move(ev));
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
    auto& ev = model_.events[index];
    ++ev.tries;
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
    model_.on_processed(j.job, key);
    returned_.push_back(j.job);
    auto percent = retries_ > 0 ? 15 : 5;
    if (chance(percent))
      throw std::runtime_error{"a random failure of job " + text(j.job) + "."};
    if (chance(percent))
      return caf::make_error(errc::processor_failed, "a random error of job " + text(j.job) + ".");
    return 1;
  }

  std::vector<caf::expected<int>> process_run(std::string_view key,
                                              std::span<job_payload* const> jobs) {
    std::vector<caf::expected<int>> results;
    for (auto* j : jobs) {
      model_.on_processed(j->job, key);
      returned_.push_back(j->job);
      results.emplace_back(
        chance(5) ? caf::expected<int>{caf::make_error(errc::processor_failed, "a random error")}
                  : caf::expected<int>{1});
    }
    if (chance(5))
      throw std::runtime_error{"a random failure"};
    if (chance(5))
      results.pop_back(); // an answer of the wrong size
    return results;
  }

  outcome finalize(context<>& ctx, std::string_view key, job_payload& j,
                   caf::expected<int> result) {
    auto& ev = model_.events[model_.jobs[j.job].event];
    model_.on_finalized(j.job, key);
    if (ctx.offset() != ev.offset)
      wrong("a finalizer ran for another record");
    if (ev.failed || stopped_)
      wrong("a finalizer ran for an event that has ended");
    struct at_end { // also when the turn throws
      bool& gone;
      ~at_end() { gone = true; }
    } mark{model_.jobs[j.job].gone};
    if (!result) {
      if (model_.jobs[j.job].tries <= retries_)
        wrong("job " + text(j.job) + " failed for good though it could be called again");
      ev.failed = true;
      return result.error();
    }
    return turn(ctx, model_.jobs[j.job].event, chance(30));
  }

  /// Sends, schedules, fails, or does nothing.
  outcome turn(context<>& ctx, size_t index, bool schedules) {
    auto& ev = model_.events[index];
    std::vector<std::string> sent;
    for (auto count = chance(50) ? pick(3) : 0; count > 0; --count) {
      sent.push_back(text(index) + "/" + text(ev.outputs.size() + sent.size()));
      ctx.forward({.topic = "out", .value = sent.back()});
    }
    auto first = model_.jobs.size();
    auto result = complete;
    for (auto count = schedules ? 1 + pick(2) : 0; count > 0; --count)
      result = schedule_something(ctx, index);
    auto scheduled = model_.jobs.size() - first;
    auto dice = pick(100);
    auto nothing_pending = scheduled == 0 && model_.idle(ev);
    auto fails = dice < 4 || dice > 97 || (dice < 8 && nothing_pending);
    model_.end_turn(index, scheduled, !fails);
    if (fails) {
      ev.failed = true;
      if (dice < 4)
        return outcome{errc::decode_failed, "a random error"};
      if (dice > 97)
        throw std::runtime_error{"a random failure"};
      return incomplete; // and nothing is pending
    }
    ev.outputs.insert(ev.outputs.end(), sent.begin(), sent.end());
    return result;
  }

  outcome schedule_something(context<>& ctx, size_t index) {
    auto& ev = model_.events[index];
    if (chance(15)) {
      auto number = model_.schedule(index, 0, {}, model_job::kind::by_hand);
      completions_.emplace(number, ctx.job_complete([this, number](context<>& later) {
        return finalize_by_hand(later, number);
      }));
      if (chance(20))
        complete_by_hand(number); // before its turn is over
      return incomplete;
    }
    auto stage = static_cast<uint32_t>(pick(stages_.size()));
    auto own = ev.key && chance(60);
    auto key = own ? *ev.key : std::string(pick(4), 'j');
    auto view = own ? ctx.input().key : std::string_view{key};
    auto what = chance(20) ? model_job::kind::pass : model_job::kind::work;
    auto number = model_.schedule(index, stage, key, what);
    if (what == model_job::kind::pass)
      return stages_[stage].pass(ctx, view);
    return stages_[stage].schedule(ctx, view, job_payload{index, number});
  }

  /// The partition says what it calls again.
  void on_retry(const std::string& reason) {
    auto number_behind = [&reason](const std::string& word) {
      return std::stoul(reason.substr(reason.find(word) + word.size()));
    };
    if (reason.find(", stage '") != std::string::npos) {
      model_.on_job_retry(number_behind(" of job "), retries_);
      return;
    }
    auto offset = static_cast<int64_t>(number_behind(", offset "));
    for (size_t i = 0; i < model_.events.size(); ++i)
      if (model_.events[i].offset == offset)
        model_.on_handler_retry(i, retries_);
  }

  // -- what is done by hand
  // ----------------------------------------------------------------------------

  /// Calls a completion; what comes back waits in the rig's `back` for `bring`.
  void complete_by_hand(size_t number) {
    auto done = completions_.at(number);
    completions_.erase(number);
    auto fails = chance(10);
    auto before = rig_.back->size();
    if (!(fails ? done.fail(caf::make_error(errc::processor_failed, "a random error")) : done()))
      wrong("the first call of a completion was refused");
    if (done.complete() != errc::wrong_state)
      wrong("the second call of a completion was not refused");
    if (rig_.back->size() > before)
      by_hand_.push_back({number, fails});
  }

  outcome finalize_by_hand(context<>& ctx, size_t number) {
    auto& job = model_.jobs[number];
    model_.on_finalized(number, job.key);
    if (ctx.offset() != model_.events[job.event].offset)
      wrong("a finalizer ran for another record");
    return turn(ctx, job.event, chance(30));
  }

  void bring() {
    auto brought = std::exchange(by_hand_, {});
    auto parts = rig_.back->take();
    if (parts.size() != brought.size())
      wrong("something came back that was not completed by hand");
    for (size_t i = 0; i < brought.size() && model_.violations.empty(); ++i) {
      auto& job = model_.jobs[brought[i].number];
      if (!job.dropped) {
        job.processed = true;
        auto& ev = model_.events[job.event];
        --ev.unprocessed;
        if (brought[i].fails && !stopped_)
          ev.failed = true;
      }
      rig_.core->finished(std::move(parts[i]));
      if (!job.dropped && job.finalized == 0 && !stopped_ && !model_.events[job.event].failed)
        wrong("I5: job " + text(brought[i].number) + " was completed and not finalized");
    }
  }

  void check_turn_order(size_t index) {
    auto& ev = model_.events[index];
    if (!ev.key)
      return;
    uint32_t held = 0;
    for (size_t i = 0; i < index; ++i) {
      auto& before = model_.events[i];
      if (before.key != ev.key)
        continue;
      if (!before.handled)
        wrong("the handlers of key '" + *ev.key + "' ran out of order");
      if (!model_.complete(before)) {
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
    auto& ev = model_.events[index];
    if (!model_.complete(ev))
      wrong("I7: an output of event " + text(index) + " left before the event was complete");
    if (ev.produced >= ev.outputs.size() || ev.outputs[ev.produced] != *rec.value)
      wrong("I7: output " + *rec.value + " is not the next one of its event");
    ++ev.produced;
    if (stopped_)
      wrong("an output left after the partition had stopped");
    if (how_.order == output_order::none)
      return;
    for (size_t i = 0; i < index; ++i) {
      auto& before = model_.events[i];
      auto matters = how_.order == output_order::by_event || (ev.key && before.key == ev.key);
      if (matters && (!model_.complete(before) || before.produced < before.outputs.size()))
        wrong("I7: event " + text(index) + " was released before event " + text(i));
    }
  }

  std::mt19937_64 random_;
  mode how_;
  work_model model_;
  std::vector<core::record_batch_ptr> batches_;
  std::vector<size_t> returned_; ///< jobs processed and not brought back yet
  std::vector<stage_handle<job_payload>> stages_;
  std::map<size_t, job_completion> completions_; ///< by the number of their job; not called yet
  std::vector<called> by_hand_;                  ///< in the rig's `back`, in this order
  unsigned retries_ = 0;
  bool draining_ = false;
  bool stopped_ = false;
  fakes::partition_rig rig_;
};

} // namespace keyloom::test
