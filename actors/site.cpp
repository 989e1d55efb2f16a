#include "actors/site.hpp"

#include "actors/page/page.hpp"
#include "actors/state_json.hpp"
#include "runtime/core/health.hpp"

#include <caf/telemetry/collector/prometheus.hpp>

#include <algorithm>
#include <future>

namespace keyloom::actors {

namespace {

/// From one event of the page to the next.
constexpr std::chrono::seconds interval{1};

/// A source that ends meanwhile answers all the same.
constexpr std::chrono::seconds patience{2};

constexpr const char* json_type = "application/json";

std::function<http::answer()> file(const char* type, std::string_view content) {
  return [=] { return http::answer{.type = type, .body = std::string{content}}; };
}

} // namespace

caf::expected<std::shared_ptr<site>> site::make(caf::actor_system& system,
                                                const std::string& address, uint16_t port) {
  auto server = http::server::make(address, port);
  if (!server)
    return std::move(server.error());
  return std::shared_ptr<site>{new site{system, address, std::move(*server)}};
}

site::site(caf::actor_system& system, std::string address, std::unique_ptr<http::server> server)
  : system_(system), address_(std::move(address)), server_(std::move(server)) {
  add_paths();
  server_->start();
}

void site::add(const shown_source* source) {
  std::lock_guard guard{mutex_};
  sources_.push_back(source);
}

void site::remove(const shown_source* source) {
  std::lock_guard guard{mutex_};
  std::erase(sources_, source);
}

void site::add_paths() {
  server_->get("/livez", [] { return http::answer{.body = "alive\n"}; });
  server_->get("/readyz", [this] { return readiness(); });
  server_->get("/metrics", [this] { return metrics(); });
  server_->get("/", file("text/html; charset=utf-8", page::html));
  server_->get("/page.css", file("text/css; charset=utf-8", page::style));
  server_->get("/page.js", file("text/javascript; charset=utf-8", page::script));
  server_->get("/chart.js", file("text/javascript; charset=utf-8", page::charts));
  server_->get("/state", [this] { return http::answer{.type = json_type, .body = state()}; });
  server_->get("/history", [this] { return http::answer{.type = json_type, .body = history()}; });
  server_->stream(
    "/events", [this] { return state(); }, interval);
}

http::answer site::readiness() {
  std::lock_guard guard{mutex_};
  std::string reasons;
  for (const auto* each : sources_)
    for (auto& why : core::reasons_not_ready(each->board->snapshot()))
      reasons += "group " + each->group + ": " + why + "\n";
  if (!sources_.empty() && reasons.empty())
    return {.body = "ready\n"};
  return {.status = 503, .body = "not ready\n" + (sources_.empty() ? "no source runs\n" : reasons)};
}

/// What CAF counts by itself is there, too.
http::answer site::metrics() {
  std::lock_guard guard{mutex_};
  for (const auto* each : sources_)
    if (each->metrics != nullptr)
      each->metrics->copy();
  caf::telemetry::collector::prometheus collector;
  auto text = collector.collect_from(system_.metrics());
  return {.type = "text/plain; version=0.0.4; charset=utf-8",
          .body = std::string{text.begin(), text.end()}};
}

/// Partitions are asked for it, so it is not waited for with the lock.
std::string site::state() {
  std::vector<seen_source> seen;
  std::vector<std::future<source_state>> answers;
  {
    std::lock_guard guard{mutex_};
    for (const auto* each : sources_) {
      auto promise = std::make_shared<std::promise<source_state>>();
      answers.push_back(promise->get_future());
      seen.push_back(
        {each->board->snapshot(), each->board->read().stage_names, each->history->latest()});
      seen.back().state.group = each->group;
      seen.back().state.topic = each->topic;
      each->full_state([promise](source_state what) { promise->set_value(std::move(what)); });
    }
  }
  for (size_t i = 0; i < seen.size(); ++i)
    if (answers[i].wait_for(patience) == std::future_status::ready)
      seen[i].state = answers[i].get();
  return to_json(seen);
}

std::string site::history() {
  std::lock_guard guard{mutex_};
  std::vector<past_source> past;
  for (const auto* each : sources_)
    past.push_back({each->group, each->topic, each->history->samples()});
  return to_json(past);
}

} // namespace keyloom::actors
