// What an inspector may do to a source.
#include "actors/messages.hpp"
#include "actors/partition_names.hpp"
#include "actors/send.hpp"
#include "actors/source_impl.hpp"
#include "actors/state_round.hpp"
#include "runtime/core/shown_key.hpp"

namespace keyloom::actors {

namespace {

std::string names_of(const core::plan& source) {
  std::string result;
  for (auto& each : source.stages)
    result += (result.empty() ? "'" : ", '") + each->name() + "'";
  return result.empty() ? "none" : result;
}

std::string shown(const inspector_target& what) {
  auto stage = "stage '" + what.stage + "'";
  return what.key ? "key " + core::shown_key(*what.key) + " in " + stage : stage;
}

} // namespace

std::string source_impl::group() const {
  return plan_->config.group;
}

std::string source_impl::reads() const {
  return topics_of(plan_->config);
}

caf::expected<uint32_t> source_impl::stage_named(const std::string& name) const {
  auto& stages = plan_->stages;
  for (uint32_t i = 0; i < stages.size(); ++i)
    if (stages[i]->name() == name)
      return i;
  return caf::make_error(errc::no_such_part, "group '" + group() + "' has no stage '" + name
                                               + "'; it has " + names_of(*plan_));
}

caf::error source_impl::pause(const inspector_target& what) {
  auto stage = stage_named(what.stage);
  if (!stage)
    return std::move(stage.error());
  auto& paused = *plan_->stages[*stage];
  if (what.key && paused.kind() == processor_kind::batch)
    return caf::make_error(errc::no_such_part,
                           "'" + what.stage
                             + "' is a batcher, whose batches have items of many keys: pause all "
                               "of it, or a stage that the key comes through");
  std::lock_guard guard{limits_};
  auto now = paused.held_back();
  auto next = now ? *now : detail::pauses{};
  if (what.key)
    next.keys.insert(*what.key);
  else
    next.stage = true;
  hold_back(*stage, std::move(next));
  log_.warning("an inspector paused " + shown(what));
  return {};
}

caf::error source_impl::resume(const inspector_target& what) {
  auto stage = stage_named(what.stage);
  if (!stage)
    return std::move(stage.error());
  std::lock_guard guard{limits_};
  auto now = plan_->stages[*stage]->held_back();
  auto next = now && what.key ? *now : detail::pauses{};
  if (what.key)
    next.keys.erase(*what.key);
  hold_back(*stage, std::move(next));
  log_.info("an inspector resumed " + shown(what));
  return {};
}

/// With limits_ held.
void source_impl::hold_back(uint32_t stage, detail::pauses what) {
  plan_->stages[stage]->hold_back(std::move(what));
  if (services_ == nullptr)
    return;
  if (plan_->stages[stage]->kind() == processor_kind::blocking)
    services_->workers->look_again(stage);
  if (source_) { // batchers end after it
    post(source_, limits_atom_v);
    if (auto& batcher = services_->stages[stage].batcher)
      post(batcher, limits_atom_v);
  }
}

caf::expected<stage_limits> source_impl::change_limits(const std::string& stage,
                                                       const limit_change& to) {
  auto index = stage_named(stage);
  if (!index)
    return std::move(index.error());
  if (plan_->stages[*index]->kind() == processor_kind::batch)
    return caf::make_error(errc::no_such_part,
                           "'" + stage
                             + "' is a batcher, whose limits are those it was defined with");
  auto limits = plan_->stages[*index]->limits();
  limits.concurrency = to.concurrency.value_or(limits.concurrency);
  limits.waiting_per_worker = to.waiting_per_worker.value_or(limits.waiting_per_worker);
  limits.concurrent_keys = to.concurrent_keys.value_or(limits.concurrent_keys);
  if (auto err = set_limits(*index, limits))
    return err;
  log_.info("an inspector changed the limits of stage '" + stage
            + "': " + std::to_string(limits.concurrency) + " at once, "
            + std::to_string(limits.waiting_per_worker) + " waiting for each, "
            + std::to_string(limits.concurrent_keys) + " keys");
  return limits;
}

caf::error source_impl::trace(const trace_order& what) {
  kafka::topic_partition where{what.topic.empty() ? reads() : what.topic, what.partition};
  if (!board_->trace(where, what.on))
    return caf::make_error(
      errc::not_assigned, name_of(where) + " is not assigned to group '" + group()
                            + "' in this process; `keyloom inspect` lists the partitions that are");
  log_.info("an inspector switched the trace of " + name_of(where) + (what.on ? " on" : " off"));
  return {};
}

} // namespace keyloom::actors
