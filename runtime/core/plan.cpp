#include "runtime/core/plan.hpp"

#include <keyloom/detail/batcher_base.hpp>
#include <keyloom/errc.hpp>

#include <algorithm>

namespace keyloom::core {

namespace {

caf::error wrong(const std::string& stage, const std::string& what) {
  return caf::make_error(errc::bad_config, "stage '" + stage + "': " + what);
}

/// What is wrong with the numbers, or nothing.
std::string problem_of(const retry_policy& retry) {
  using std::chrono::milliseconds;
  if (retry.total < milliseconds{0} || retry.backoff < milliseconds{0}
      || retry.max_backoff < milliseconds{0})
    return "retry: a time below 0; give 0 ms or more";
  if (retry.factor == 0)
    return "retry.factor 0; it must be at least 1, which waits equally long each time";
  if (retry.jitter > 100)
    return "retry.jitter " + std::to_string(retry.jitter)
           + "; it is a percentage and must be at most 100";
  return {};
}

caf::error check_batcher(const detail::batcher_base& batcher) {
  auto wrong_option = [&](const std::string& what) {
    return caf::make_error(errc::bad_config, "batcher '" + batcher.name() + "': " + what);
  };
  auto& options = batcher.options();
  if (options.max_batch_size == 0)
    return wrong_option("max_batch_size 0 lets no item into a batch; it must be at least 1");
  if (options.max_concurrent_batches == 0)
    return wrong_option("max_concurrent_batches 0 lets no batch leave; it must be at least 1");
  if (options.accumulation_delay < std::chrono::milliseconds{0})
    return wrong_option("accumulation_delay " + std::to_string(options.accumulation_delay.count())
                        + " ms; it must be at least 0, and 0 means that batches do not wait");
  return {};
}

caf::error check(const detail::stage_base& stage) {
  if (stage.kind() == processor_kind::batch)
    return check_batcher(static_cast<const detail::batcher_base&>(stage));
  if (auto err = check_limits(stage.name(), stage.limits()))
    return err;
  if (stage.timeout() < std::chrono::milliseconds{0})
    return wrong(stage.name(), "timeout " + std::to_string(stage.timeout().count())
                                 + " ms; it must be at least 0, and 0 means none");
  if (stage.timeout() > std::chrono::milliseconds{0} && stage.kind() == processor_kind::compute)
    return wrong(stage.name(), "a compute stage has no timeout, because its function must not "
                               "wait for anything; leave the timeout out, or make the processor "
                               "blocking(f)");
  if (stage.by_run() && stage.mode() == stage_mode::unordered)
    return wrong(stage.name(), "by_run takes the jobs of a key together, but in mode unordered no "
                               "jobs belong together; choose by_key or by_partition, or a function "
                               "that takes one job");
  if (stage.timeout() > std::chrono::milliseconds{0} && !stage.copies_jobs()
      && stage.kind() != processor_kind::actor)
    return wrong(stage.name(),
                 "with a timeout the processor works on a copy of the job, because the "
                 "job may be finalized while the call still runs; make the job's type "
                 "copyable, or leave the timeout out");
  return {};
}

/// Who sends records to the dead-letter topic; empty: nobody.
std::string sender_of_dead_letters(const plan& source) {
  auto& cfg = source.config;
  if (cfg.on_error == failure_action::dead_letter)
    return "on-error";
  if (cfg.on_unreadable == failure_action::dead_letter)
    return "on-unreadable";
  for (auto& stage : source.stages)
    if (stage->on_error() == failure_action::dead_letter)
      return "stage '" + stage->name() + "', on_error";
  return {};
}

caf::error wrong_setting(const std::string& what) {
  return caf::make_error(errc::bad_config, what);
}

bool is_read(const source_config& cfg, const std::string& topic) {
  return topic == cfg.topic
         || std::find(cfg.topics.begin(), cfg.topics.end(), topic) != cfg.topics.end();
}

} // namespace

failure_action plan::action_for(uint32_t stage, const caf::error& reason) const {
  if (stage != detail::job::no_stage) {
    if (auto own = stages[stage]->on_error())
      return *own;
  } else if (config.on_unreadable
             && (reason == errc::decode_failed || reason == errc::no_handler)) {
    return *config.on_unreadable;
  }
  return config.on_error;
}

caf::error check_failure_policy(const plan& source) {
  auto& cfg = source.config;
  if (auto problem = problem_of(cfg.retry); !problem.empty())
    return wrong_setting("keyloom." + problem);
  for (auto& stage : source.stages)
    if (auto* own = stage->retry())
      if (auto problem = problem_of(*own); !problem.empty())
        return wrong(stage->name(), problem);
  auto sender = sender_of_dead_letters(source);
  if (sender.empty())
    return {};
  if (cfg.dead_letter_topic.empty())
    return wrong_setting(sender
                         + ", sends what failed to a dead-letter topic, but none is set: give "
                           "keyloom.dead-letter-topic, or choose skip or stop");
  if (is_read(cfg, cfg.dead_letter_topic))
    return wrong_setting("keyloom.dead-letter-topic is '" + cfg.dead_letter_topic
                         + "', which the source reads itself: its dead letters would come back for "
                           "ever; give another topic");
  if (cfg.skip_headers)
    return wrong_setting(
      "keyloom.skip-headers is set, but " + sender
      + ", sends what failed to a dead-letter topic, which needs its headers: leave one of the two "
        "out");
  return {};
}

caf::error check_plan(const plan& source) {
  auto& cfg = source.config;
  if (source.make_store && cfg.topic.empty())
    return caf::make_error(errc::bad_config,
                           "a source with a store reads one topic, because a store belongs to a "
                           "partition of it: set keyloom.topic, not keyloom.topics or "
                           "keyloom.pattern");
  if (cfg.skip_headers && !source.routes.empty())
    return caf::make_error(errc::bad_config,
                           "keyloom.skip-headers is set, but the handler of type '"
                             + source.routes.front().type
                             + "' needs the header `type`: leave the setting out, or take records "
                               "with on() without a type, or on_default()");
  if (auto err = check_change_log(source))
    return err;
  if (auto err = check_stages(source))
    return err;
  if (auto err = check_interjections(source))
    return err;
  if (auto err = check_failure_policy(source))
    return err;
  if (source.routes.empty() && !source.untyped && !source.fallback)
    return caf::make_error(errc::bad_config,
                           "the source has no handler, so every record would be an error: add one "
                           "with on(), or on_default(), before it starts");
  return {};
}

caf::error check_change_log(const plan& source) {
  auto& cfg = source.config;
  if (cfg.change_log.empty()) {
    if (source.make_store && cfg.exactly_once)
      return wrong_setting(
        "keyloom.exactly-once with a store needs a change log, or what the store "
        "held would be gone with its process: set keyloom.change-log");
    return {};
  }
  if (!source.make_store)
    return wrong_setting("keyloom.change-log is set, but the source has no store: leave it out, or "
                         "give the event_source a store and its factory");
  if (is_read(cfg, cfg.change_log) || cfg.change_log == cfg.dead_letter_topic)
    return wrong_setting("keyloom.change-log is '" + cfg.change_log
                         + "', which is a topic of records: give it a topic of its own");
  return {};
}

caf::error check_stages(const plan& source) {
  for (auto& stage : source.stages)
    if (auto err = check(*stage))
      return err;
  return {};
}

caf::error check_interjections(const plan& source) {
  using namespace std::chrono_literals;
  auto wrong_time = [](const detail::scheduled_interjection& what, const std::string& why) {
    return caf::make_error(errc::bad_config, "interjection '" + what.name + "': " + why);
  };
  for (auto& each : source.interjections) {
    if (each.every < 1ms)
      return wrong_time(each, "it is to run every " + std::to_string(each.every.count())
                                + " ms; give 1 ms or more");
    if (each.jitter < 0ms || each.jitter >= each.every)
      return wrong_time(each, "a jitter of " + std::to_string(each.jitter.count())
                                + " ms; it must be at least 0 and below the time between two "
                                  "runs, which is "
                                + std::to_string(each.every.count()) + " ms");
  }
  return {};
}

caf::error check_limits(const std::string& stage, const stage_limits& limits) {
  if (limits.concurrency == 0)
    return wrong(stage, "concurrency 0 lets nothing run; it must be at least 1");
  if (limits.concurrent_keys == 0)
    return wrong(stage, "concurrent_keys 0 lets no key in; it must be at least 1");
  return {};
}

} // namespace keyloom::core
