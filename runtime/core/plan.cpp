#include "runtime/core/plan.hpp"

#include <keyloom/errc.hpp>

namespace keyloom::core {

namespace {

caf::error wrong(const std::string& stage, const std::string& what) {
  return caf::make_error(errc::bad_config, "stage '" + stage + "': " + what);
}

caf::error check(const detail::stage_base& stage) {
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

} // namespace

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
  if (auto err = check_stages(source))
    return err;
  if (source.routes.empty() && !source.untyped && !source.fallback)
    return caf::make_error(errc::bad_config,
                           "the source has no handler, so every record would be an error: add one "
                           "with on(), or on_default(), before it starts");
  return {};
}

caf::error check_stages(const plan& source) {
  for (auto& stage : source.stages)
    if (auto err = check(*stage))
      return err;
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
