#include "tests/integration/counting_child.hpp"

#include "tests/integration/counting_rig.hpp"

#include <thread>

namespace keyloom::test {

namespace {

using namespace std::chrono_literals;

class talking_config : public actors::program_config {
public:
  talking_config() { set("keyloom.log.level", "info"); }
};

} // namespace

int run_counting_child(const std::vector<std::string>& arguments) {
  talking_config caf_config;
  caf::actor_system system{caf_config};
  source_config cfg{.group = arguments.at(1), .topic = arguments.at(2)};
  cfg.brokers = arguments.at(0);
  cfg.kafka = {{"fetch.wait.max.ms", "10"},
               {"session.timeout.ms", "1000"},
               {"heartbeat.interval.ms", "100"}};
  cfg.exactly_once = true;
  cfg.change_log = arguments.at(4);
  cfg.instance = arguments.at(5);
  cfg.transaction_timeout = 2s;
  cfg.commit_interval = 20ms;
  counting_source source{system, cfg, [] { return counts{}; }};
  auto stage = source.stage<int, void>(
    "call", blocking([](std::string_view, int&) { std::this_thread::sleep_for(1ms); }), // the call
    [out = arguments.at(3)](context<counts>& ctx, std::string_view key, int&, caf::expected<void>) {
      return count_up(ctx, std::string{key}, out);
    },
    stage_limits{.concurrency = 4});
  source.on_default(
    [=](context<counts>& ctx, const record& rec) { return stage.schedule(ctx, rec.key, 1); });
  return source.run();
}

} // namespace keyloom::test
