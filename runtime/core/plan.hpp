// A source as its user defined it: settings, routes, stages. Made on one thread before start, then
// shared by everything that runs and never changed.
#pragma once

#include <keyloom/detail/source.hpp>

namespace keyloom::core {

struct plan {
  source_config config;
  struct route {
    std::string type;
    detail::handler_function handler;
  };
  std::vector<route> routes;
  detail::handler_function untyped;  ///< for records without a header `type`; may be empty
  detail::handler_function fallback; ///< for all that nothing else takes; may be empty
  std::vector<std::unique_ptr<detail::stage_base>> stages;
  std::vector<detail::scheduled_interjection> interjections;
  detail::store_factory make_store; ///< empty without a store

  bool serial() const {
    if (config.key_turns == key_turns::automatic)
      return static_cast<bool>(make_store);
    return config.key_turns == key_turns::serial;
  }

  uint32_t credit() const {
    constexpr uint32_t usual = 10'000, in_transactions = 18'000;
    return config.credit.value_or(config.exactly_once ? in_transactions : usual);
  }

  /// How jobs of the stage are tried again.
  const retry_policy& retry_of(uint32_t stage) const {
    auto* own = stages[stage]->retry();
    return own != nullptr ? *own : config.retry;
  }

  /// What becomes of an event that failed for good, in `stage` unless it is job::no_stage.
  failure_action action_for(uint32_t stage, const caf::error& reason) const;
};

/// errc::bad_config, naming the setting, when settings, routes, stages and store do not fit each
/// other; each setting's own range is checked before.
caf::error check_plan(const plan& source);

/// errc::bad_config when store, change log and exactly once do not go together.
caf::error check_change_log(const plan& source);

/// errc::bad_config, naming the interjection, when its times cannot work.
caf::error check_interjections(const plan& source);

/// errc::bad_config, naming the stage and what mends it, when a stage or batcher was defined with
/// options that cannot work together or limits that let nothing through.
caf::error check_stages(const plan& source);

/// The same for retries and dead letters, of source and stages.
caf::error check_failure_policy(const plan& source);

/// The same for limits alone, as `event_source::set_limits` needs it.
caf::error check_limits(const std::string& stage, const stage_limits& limits);

} // namespace keyloom::core
