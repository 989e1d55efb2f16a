// How a source is looked at while it runs: by metrics, and by the site on its HTTP port.
#include "actors/observer_actor.hpp"
#include "actors/resources.hpp"
#include "actors/source_impl.hpp"
#include "actors/state_round.hpp"
#include "runtime/core/state_text.hpp"
#include "runtime/http/loopback.hpp"

#include <caf/stateful_actor.hpp>

namespace keyloom::actors {

namespace {

/// That of the sources it shares with, when they have one for the same port.
caf::expected<std::shared_ptr<site>> find_or_make(detail::resources& common,
                                                  caf::actor_system& system,
                                                  const source_config& cfg) {
  std::lock_guard guard{common.site_mutex};
  auto port = static_cast<uint16_t>(cfg.http_port);
  if (auto found = common.site.lock();
      found && found->port() == port && found->address() == cfg.http_address)
    return found;
  auto made = site::make(system, cfg.http_address, port);
  if (made)
    common.site = *made;
  return made;
}

} // namespace

caf::error source_impl::show() {
  auto& cfg = plan_->config;
  common_ = shared_ ? shared_ : std::make_shared<detail::resources>(cfg.budget);
  board_->new_totals(common_->budget); // what the last start counted is in the registry already
  board_->new_stages({});
  if (cfg.metrics)
    metrics_.emplace(system_.metrics(), cfg.group, *board_);
  if (cfg.http_port == 0)
    return {};
  auto found = find_or_make(*common_, system_, cfg);
  if (!found)
    return std::move(found.error());
  site_ = std::move(*found);
  history_.emplace(*board_);
  shown_ = {
    cfg.group,    topics_of(cfg),
    board_.get(), metrics_ ? &*metrics_ : nullptr,
    &*history_,   [this](std::function<void(source_state)> then) { full_state(std::move(then)); }};
  site_->add(&shown_);
  log_.info(log::component::http,
            "listening on http://" + cfg.http_address + ":" + std::to_string(cfg.http_port) + "/");
  if (!http::is_loopback(cfg.http_address))
    log_.warning(log::component::http,
                 "who can reach " + cfg.http_address
                   + " sees keys and errors of this source, without a password");
  return {};
}

void source_impl::spawn_observer() {
  std::vector<std::function<void()>> looks;
  if (metrics_)
    looks.emplace_back([this] { metrics_->copy(); });
  if (history_)
    looks.emplace_back([this] { history_->look(); });
  if (!looks.empty())
    observer_ = system_.spawn<caf::stateful_actor<observer_state>>(std::move(looks));
}

void source_impl::dump() {
  full_state(
    [this](const source_state& seen) { log_.info("asked by SIGUSR1: " + core::to_text(seen)); });
}

/// Its numbers are in the registry for the last time.
void source_impl::hide() {
  if (site_) {
    site_->remove(&shown_);
    std::lock_guard guard{common_->site_mutex}; // who finds none may take its port
    site_ = nullptr;
  }
  history_.reset();
  if (metrics_)
    metrics_->copy();
  metrics_.reset();
  common_ = nullptr;
}

} // namespace keyloom::actors
