// The composition root: makes everything a source consists of, in order, and takes it down in
// reverse. Called from the user's threads; everything else runs on CAF's, the poller's, the
// producer's and the workers'.
#pragma once

#include "actors/delivery_router.hpp"
#include "actors/inspected.hpp"
#include "actors/inspector_link.hpp"
#include "actors/poller.hpp"
#include "actors/restorer.hpp"
#include "actors/services.hpp"
#include "actors/site.hpp"
#include "actors/source_board.hpp"
#include "actors/transaction_committer.hpp"
#include "runtime/kafka/seat.hpp"

#include <caf/actor_system.hpp>

namespace keyloom::kafka {
class cluster;
} // namespace keyloom::kafka

namespace keyloom::actors {

class source_impl final : public detail::source, public inspected {
public:
  source_impl(caf::actor_system& system, source_config cfg, detail::store_factory make_store,
              std::shared_ptr<detail::resources> shared);
  ~source_impl() override;

  void add_route(std::string type, detail::handler_function handler) override;
  void set_untyped_route(detail::handler_function handler) override;
  void set_default_route(detail::handler_function handler) override;
  uint32_t add_stage(std::unique_ptr<detail::stage_base> stage) override;
  void add_interjection(detail::scheduled_interjection what) override;
  caf::error set_limits(uint32_t stage, const stage_limits& limits) override;
  void interject(std::string topic, int32_t partition, detail::interjection_function call,
                 detail::asked_interjection::answer_function done) override;
  void interject_all(detail::interjection_function call,
                     detail::interjection_answers done) override;

  caf::error start() override;
  void stop() override;
  int run() override;
  source_state state() const override;
  void full_state(std::function<void(source_state)> then) override;
  caf::expected<std::shared_ptr<const core::plan>> definition() const override;

  // -- inspected ---------------------------------------------------------------------------------
  std::string group() const override;
  std::string reads() const override;
  caf::error pause(const inspector_target& what) override;
  caf::error resume(const inspector_target& what) override;
  caf::expected<stage_limits> change_limits(const std::string& stage,
                                            const limit_change& to) override;
  caf::error trace(const trace_order& what) override;

private:
  caf::expected<uint32_t> stage_named(const std::string& name) const;
  void hold_back(uint32_t stage, detail::pauses what);
  caf::error begin();
  caf::error check_handler_actors() const;
  caf::error check_cluster();
  caf::error check_dead_letter_topic(kafka::cluster& cluster) const;
  caf::error show();
  void hide();
  void dump();
  void make_services();
  void warn_of_serial_batchers();
  caf::error make_producer();
  caf::error make_chain();
  caf::error spawn_actors();
  void spawn_observer();
  void take_down();
  caf::actor running_source();

  caf::actor_system& system_;
  std::shared_ptr<detail::resources> shared_; ///< null: each start has its own
  std::shared_ptr<core::plan> plan_;
  caf::error settings_error_;
  log::logger log_;
  std::shared_ptr<source_board> board_ = std::make_shared<source_board>();

  std::mutex lifecycle_;     // start, stop: one at a time
  inspector_link inspector_; // guarded by lifecycle_
  bool running_ = false;     // guarded by lifecycle_
  int32_t partitions_ = 0;   ///< of all topics, as found at start

  mutable std::mutex limits_; // set_limits, interject, state, and whoever changes services_ or
                              // source_

  // While running. In this order, so that they go in reverse.
  std::shared_ptr<detail::resources> common_; ///< `shared_`, or its own
  std::optional<source_metrics> metrics_;
  std::optional<source_history> history_;
  shown_source shown_;
  std::shared_ptr<site> site_;
  caf::actor observer_;
  std::unique_ptr<services> services_;
  delivery_router reports_;
  std::unique_ptr<kafka::producer> producer_;
  std::optional<kafka::seat> seat_;
  chain_port chain_news_;
  std::unique_ptr<kafka::transaction_chain> chain_;
  std::unique_ptr<poller> poller_;
  std::unique_ptr<restorer> restorer_;
  caf::actor committer_;
  caf::actor source_;
};

} // namespace keyloom::actors
