#include "actors/source_impl.hpp"

#include "actors/batcher_actor.hpp"
#include "actors/committer_actor.hpp"
#include "actors/handler_home.hpp"
#include "actors/log_settings.hpp"
#include "actors/messages.hpp"
#include "actors/resources.hpp"
#include "actors/send.hpp"
#include "actors/settings.hpp"
#include "actors/source_actor.hpp"
#include "actors/stop_signal.hpp"
#include "runtime/kafka/change_log.hpp"
#include "runtime/kafka/cluster.hpp"

#include <keyloom/detail/actor_port.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/settings.hpp>
#include <caf/stateful_actor.hpp>

namespace keyloom {

std::unique_ptr<detail::source> detail::make_source(caf::actor_system& system, source_config cfg,
                                                    store_factory make_store,
                                                    std::shared_ptr<resources> shared) {
  return std::make_unique<actors::source_impl>(system, std::move(cfg), std::move(make_store),
                                               std::move(shared));
}

caf::error detail::null_value_error() {
  return caf::make_error(errc::decode_failed,
                         "the value is null; handle such records with on_default()");
}

caf::error detail::undecodable(caf::error reason) {
  if (reason == errc::decode_failed)
    return reason;
  if (!reason)
    return caf::make_error(errc::decode_failed, "the codec returned an empty error; let its decode "
                                                "return a value, or an error that says what is "
                                                "wrong");
  return caf::make_error(errc::decode_failed, describe(reason));
}

} // namespace keyloom

namespace keyloom::actors {

namespace {

/// How long outputs of events that will not get out may keep a stop waiting.
constexpr std::chrono::seconds flush_timeout{1};

int exit_code(const caf::error& reason) {
  if (reason == errc::broker_unreachable)
    return 3;
  return reason == errc::bad_config ? 2 : 1;
}

} // namespace

source_impl::source_impl(caf::actor_system& system, source_config cfg,
                         detail::store_factory make_store,
                         std::shared_ptr<detail::resources> shared)
  : system_(system), shared_(std::move(shared)), plan_(std::make_shared<core::plan>()),
    log_(read_log_settings(caf::content(system.config()))), inspector_(system) {
  plan_->config = std::move(cfg);
  plan_->make_store = std::move(make_store);
  settings_error_ = read_settings(caf::content(system.config()), plan_->config);
}

source_impl::~source_impl() {
  stop();
}

void source_impl::add_route(std::string type, detail::handler_function handler) {
  plan_->routes.push_back({std::move(type), std::move(handler)});
}

void source_impl::set_untyped_route(detail::handler_function handler) {
  plan_->untyped = std::move(handler);
}

void source_impl::set_default_route(detail::handler_function handler) {
  plan_->fallback = std::move(handler);
}

uint32_t source_impl::add_stage(std::unique_ptr<detail::stage_base> stage) {
  plan_->stages.push_back(std::move(stage));
  return static_cast<uint32_t>(plan_->stages.size() - 1);
}

caf::error source_impl::set_limits(uint32_t stage, const stage_limits& limits) {
  if (stage >= plan_->stages.size())
    return caf::make_error(errc::wrong_state,
                           "set_limits: the stage is not one of this event source");
  auto& changed = *plan_->stages[stage];
  if (auto err = core::check_limits(changed.name(), limits))
    return err;
  std::lock_guard guard{limits_};
  changed.set_limits(limits);
  if (services_ == nullptr)
    return {};
  if (changed.kind() == processor_kind::blocking)
    services_->workers->set_concurrency(stage, limits.concurrency);
  if (auto& requests = services_->stages[stage].requests)
    requests->set_places(limits.concurrency);
  if (source_)
    post(source_, limits_atom_v);
  return {};
}

caf::error source_impl::start() {
  std::lock_guard guard{lifecycle_};
  if (running_)
    return caf::make_error(errc::wrong_state, "the event source runs already");
  for (auto& stage : plan_->stages)
    stage->hold_back({}); // an inspector's pauses end with the run they were meant for
  auto err = inspector_.open(*this, plan_->config, log_);
  if (!err) {
    err = begin();
    if (err)
      take_down();
  }
  if (err)
    inspector_.close();
  else
    board_->started();
  running_ = !err;
  return err;
}

void source_impl::stop() {
  std::lock_guard guard{lifecycle_};
  if (!std::exchange(running_, false))
    return;
  caf::scoped_actor self{system_};
  self->request(source_, caf::infinite, stop_atom_v)
    .receive([] {},
             [this](const caf::error& reason) { log_.error("stopping: " + to_string(reason)); });
  inspector_.close(); // a stop that takes long can be looked into
  board_->stopped();  // before the metrics are copied for the last time
  take_down();
}

int source_impl::run() {
  stop_signal signal;
  signal.on_dump([this] { dump(); });
  board_->on_ended([&signal] { signal.raise(); });
  if (auto err = start()) {
    log_.error(describe(err));
    board_->on_ended(nullptr);
    return exit_code(err);
  }
  signal.wait();
  stop();
  board_->on_ended(nullptr);
  return board_->snapshot().errors.empty() ? 0 : 1;
}

source_state source_impl::state() const {
  std::lock_guard guard{limits_};
  auto result = board_->snapshot();
  if (services_)
    add_services(*services_, result);
  return result;
}

void source_impl::full_state(std::function<void(source_state)> then) {
  if (auto to = running_source())
    post(to, ask_state{std::make_shared<state_request>(std::move(then), [board = board_] {
           return board->snapshot();
         })});
  else
    then(state());
}

caf::expected<std::shared_ptr<const core::plan>> source_impl::definition() const {
  if (settings_error_)
    return settings_error_;
  if (auto err = check_settings(plan_->config))
    return err;
  if (auto err = core::check_plan(*plan_))
    return err;
  return std::shared_ptr<const core::plan>{plan_};
}

caf::error source_impl::begin() {
  if (auto usable = definition(); !usable)
    return std::move(usable.error());
  if (auto err = show())
    return err;
  if (auto err = check_handler_actors())
    return err;
  if (auto err = check_cluster())
    return err;
  make_services();
  warn_of_serial_batchers();
  if (!plan_->config.exactly_once)
    if (auto err = make_producer())
      return err;
  return spawn_actors();
}

caf::error source_impl::check_handler_actors() const {
  for (auto& stage : plan_->stages) {
    if (stage->handlers() == nullptr)
      continue;
    auto& layout = stage->handlers()->layout();
    if (layout.instances == 0)
      return caf::make_error(errc::bad_config, "stage '" + stage->name()
                                                 + "': a pool, or max_instances, of 0 handler "
                                                   "actors can do nothing; give 1 or more");
    if (layout.kind == detail::actor_layout::form::remote && !system_.has_middleman())
      return caf::make_error(errc::bad_config,
                             "stage '" + stage->name()
                               + "': remote_actor needs CAF's middleman: call "
                                 "load<caf::io::middleman>() on the configuration before the actor "
                                 "system is made, or use keyloom::exec_main");
  }
  return {};
}

caf::error source_impl::check_cluster() {
  auto& cfg = plan_->config;
  auto cluster = kafka::cluster::make(cfg.brokers, cfg.kafka);
  if (!cluster)
    return std::move(cluster.error());
  if (auto err = (*cluster)->wait_until_reachable(cfg.connect_timeout))
    return err;
  if (cfg.exactly_once)
    if (auto err = (*cluster)->check_transactions(cfg.connect_timeout))
      return err;
  partitions_ = 0;
  for (auto& topic : cfg.topic.empty() ? cfg.topics : std::vector{cfg.topic}) {
    auto partitions = (*cluster)->partition_count(topic, cfg.connect_timeout);
    if (!partitions)
      return std::move(partitions.error());
    partitions_ += *partitions;
  }
  if (!cfg.change_log.empty()) {
    if (!cfg.exactly_once)
      log_.warning(
        "the change log " + cfg.change_log
        + " is written without exactly once: after a crash changes may be in it that come "
          "again, and a process that was thought dead may still write to it");
    if (auto err = kafka::ensure_change_log(**cluster, {cfg.change_log, cfg.topic, partitions_},
                                            cfg.connect_timeout))
      return err;
  }
  return check_dead_letter_topic(**cluster);
}

/// Before anything is read: a record that failed would find out otherwise.
caf::error source_impl::check_dead_letter_topic(kafka::cluster& cluster) const {
  auto& cfg = plan_->config;
  if (cfg.dead_letter_topic.empty())
    return {};
  auto partitions = cluster.partition_count(cfg.dead_letter_topic, cfg.connect_timeout);
  if (partitions)
    return {};
  return caf::make_error(partitions.error() == errc::topic_missing ? errc::topic_missing
                                                                   : errc::kafka_failed,
                         "keyloom.dead-letter-topic: " + describe(partitions.error()));
}

void source_impl::make_services() {
  std::lock_guard guard{limits_};
  services_ = std::make_unique<services>();
  services_->source = plan_;
  services_->log = &log_;
  services_->budget = common_->budget;
  services_->threads = common_->threads;
  services_->totals = board_->new_totals(services_->budget);
  services_->partitions = partitions_;
  std::vector<std::string> names;
  for (auto& stage : plan_->stages)
    names.push_back(stage->name());
  services_->stage_meters = board_->new_stages(std::move(names));
  for (auto& each : *services_->stage_meters)
    each.timed = metrics_ || history_;
  std::vector<uint32_t> threads;
  for (auto& stage : plan_->stages) {
    auto& own = services_->stages.emplace_back();
    threads.push_back(stage->kind() == processor_kind::blocking ? stage->limits().concurrency : 0);
    if (stage->kind() == processor_kind::actor || stage->kind() == processor_kind::async)
      own.requests = std::make_unique<work::concurrency_limit>(stage->limits().concurrency);
    auto index = services_->stages.size() - 1;
    if (stage->kind() == processor_kind::batch)
      own.batches = board_->new_batcher(index);
    if (stage->handlers() == nullptr)
      continue;
    own.port = stage->handlers();
    std::shared_ptr<core::stage_meter> meter{services_->stage_meters,
                                             &services_->meter(static_cast<uint32_t>(index))};
    own.handlers = make_handler_home({system_, *own.port, std::move(meter), log_, stage->name()});
  }
  services_->workers = std::make_unique<work::worker_pool>(*plan_, std::move(threads),
                                                           *services_->stage_meters,
                                                           common_->threads);
  services_->batches = std::make_unique<work::batch_calls>(common_->threads);
}

/// With serial turns a key's next event begins when the last one is over, so batches get no more
/// than one event of a key.
void source_impl::warn_of_serial_batchers() {
  for (auto& stage : plan_->stages)
    if (stage->kind() == processor_kind::batch && plan_->serial())
      log_.warning("batcher '" + stage->name()
                   + "': turns are serial (keyloom.key-turns), so several events of a key never "
                     "share a batch; let key-turns be interleaved if the store allows it");
}

caf::error source_impl::make_producer() {
  auto& cfg = plan_->config;
  auto made = kafka::producer::make({cfg.brokers, cfg.kafka,
                                     [this](int level, const std::string& text) {
                                       log_.kafka(level, text);
                                     }},
                                    reports_);
  if (!made)
    return std::move(made.error());
  producer_ = std::move(*made);
  services_->producer = producer_.get();
  return {};
}

caf::error source_impl::spawn_actors() {
  poller_ = std::make_unique<poller>(*services_);
  services_->poller = poller_.get();
  if (!plan_->config.change_log.empty()) {
    restorer_ = std::make_unique<restorer>(*services_);
    services_->restorer = restorer_.get();
  }
  if (plan_->config.exactly_once)
    committer_ = system_.spawn<caf::stateful_actor<transaction_committer_state>>(
      services_.get(), [this](const caf::error& reason) {
        if (auto to = running_source())
          post(to, intake_failed{{}, reason});
      });
  else
    committer_ = system_.spawn<caf::stateful_actor<committer_state>>(services_.get());
  {
    std::lock_guard guard{limits_};
    source_ = system_.spawn<caf::stateful_actor<source_actor_state>>(services_.get(), board_.get(),
                                                                     committer_);
  }
  for (uint32_t index = 0; index < plan_->stages.size(); ++index)
    if (plan_->stages[index]->kind() == processor_kind::batch) {
      auto batcher = system_.spawn<caf::stateful_actor<batcher_actor_state>>(services_.get(), index,
                                                                             source_);
      std::lock_guard guard{limits_};
      services_->stages[index].batcher = std::move(batcher);
    }
  spawn_observer();
  if (plan_->config.exactly_once)
    if (auto err = make_chain())
      return err;
  return poller_->start(source_, committer_);
}

caf::error source_impl::make_chain() {
  auto& cfg = plan_->config;
  auto topics = cfg.topic + cfg.pattern;
  for (auto& each : cfg.topics)
    topics += each + ",";
  auto instance = cfg.instance;
  if (instance.empty()) {
    auto taken = kafka::seat::take(cfg.group + " " + topics);
    if (!taken)
      return std::move(taken.error());
    seat_.emplace(std::move(*taken));
    instance = seat_->text();
  }
  chain_news_.send_to(committer_);
  kafka::transaction_chain::config chain{cfg.brokers, cfg.kafka, cfg.group,
                                         cfg.group + "." + topics + "." + instance};
  chain.transaction_timeout = cfg.transaction_timeout;
  chain.log = [this](int level, const std::string& text) { log_.kafka(level, text); };
  auto made = kafka::transaction_chain::make(std::move(chain), chain_news_);
  if (!made)
    return std::move(made.error());
  chain_ = std::move(*made);
  services_->chain = chain_.get();
  return {};
}

/// Ends what `begin` made, as far as it came: intake, calls, outputs, handler actors, then
/// keyloom's own actors.
void source_impl::take_down() {
  if (poller_)
    poller_->finish();
  if (services_ && services_->workers) {
    if (auto calls = services_->workers->running() + services_->batches->running(); calls > 0)
      log_.warning("waiting for " + std::to_string(calls) + " blocking calls to return");
    services_->workers->stop();
    services_->batches->stop();
  }
  if (producer_)
    producer_->flush(flush_timeout);
  producer_ = nullptr;
  if (services_)
    for (auto& stage : services_->stages)
      if (stage.handlers)
        stage.handlers->stop();
  caf::scoped_actor self{system_};
  for (auto* actor : {&observer_, &source_, &committer_})
    if (*actor) {
      end(*actor);
      self->wait_for(*actor);
      std::lock_guard guard{limits_};
      *actor = nullptr;
    }
  if (services_) {
    services_->alive.kill_all();
    services_->alive.wait();
    std::shared_ptr<work::thread_set>
      last; // of those who share it, perhaps: its threads end with it
    std::lock_guard guard{limits_};
    last.swap(services_->threads);
  }
  restorer_ = nullptr;
  chain_ = nullptr;
  chain_news_.send_to({});
  seat_.reset();
  poller_ = nullptr;
  hide();
}

} // namespace keyloom::actors
