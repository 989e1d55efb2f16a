#include "tests/integration/child_worker.hpp"

#include "actors/program_config.hpp"

#include <keyloom/keyloom.hpp>

#include <caf/actor_system.hpp>

#include <iostream>
#include <semaphore>
#include <thread>

namespace keyloom::test {

namespace {

using namespace std::chrono_literals;

class talking_config : public actors::program_config {
public:
  talking_config() { set("keyloom.log.level", "info"); }
};

outcome forward_input(context<>& ctx, const std::string& out) {
  auto& rec = ctx.input();
  ctx.forward({.topic = out, .key = std::string{rec.key}, .value = std::string{rec.value}});
  return complete;
}

void define(event_source<>& source, const std::string& how, const std::string& out) {
  if (how == "forward") {
    source.on_default([out](context<>& ctx, const record&) { return forward_input(ctx, out); });
    return;
  }
  auto straggles = how == "straggle";
  auto call = [hold = how == "hold" || straggles](std::string_view, int&) {
    if (hold) {
      std::cout << "call" << std::endl;
      std::binary_semaphore{0}.acquire();
    }
    std::this_thread::sleep_for(1ms); // the slow call
  };
  auto stage = source.stage<int, void>(
    "call", blocking(call),
    [out](context<>& ctx, std::string_view, int&, caf::expected<void>) {
      return forward_input(ctx, out);
    },
    stage_limits{.concurrency = 4});
  source.on_default([=](context<>& ctx, const record& rec) {
    return straggles && rec.key != "held" ? forward_input(ctx, out)
                                          : stage.schedule(ctx, rec.key, 1);
  });
}

} // namespace

int run_child(const std::vector<std::string>& arguments) {
  auto& how = arguments.at(0);
  talking_config caf_config;
  caf::actor_system system{caf_config};
  source_config cfg{.group = arguments.at(2), .topic = arguments.at(3)};
  cfg.brokers = arguments.at(1);
  cfg.kafka = {{"fetch.wait.max.ms", "10"},
               {"session.timeout.ms", "1000"},
               {"heartbeat.interval.ms", "100"}};
  if (arguments.size() > 5)
    cfg.kafka.clear();
  for (size_t i = 5; i < arguments.size(); ++i) {
    auto equals = arguments[i].find('=');
    cfg.kafka[arguments[i].substr(0, equals)] = arguments[i].substr(equals + 1);
  }
  cfg.stall_warning = 1s;
  cfg.credit = 100; // a stop in the middle finds more to do in the topic
  cfg.commit_interval = how == "forward" ? std::chrono::milliseconds{1h} : 20ms;
  event_source<> source{system, cfg};
  define(source, how, arguments.at(4));
  return source.run();
}

} // namespace keyloom::test
