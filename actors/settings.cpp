#include "actors/settings.hpp"

#include <keyloom/errc.hpp>

#include <caf/config_option_adder.hpp>
#include <caf/config_value.hpp>
#include <caf/io/middleman.hpp>
#include <caf/settings.hpp>
#include <caf/timespan.hpp>

#include <array>
#include <limits>

namespace keyloom::actors {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

template <class T>
using choice = std::pair<std::string_view, T>;

constexpr std::array<choice<output_order>, 3> orders{{{"by_key", output_order::by_key},
                                                      {"by_event", output_order::by_event},
                                                      {"none", output_order::none}}};
constexpr std::array<choice<key_turns>, 3> turns{{{"automatic", key_turns::automatic},
                                                  {"interleaved", key_turns::interleaved},
                                                  {"serial", key_turns::serial}}};
constexpr std::array<choice<failure_action>, 3> actions{
  {{"stop", failure_action::stop_partition},
   {"stop_source", failure_action::stop_source},
   {"skip", failure_action::skip}}};

caf::error wrong(std::string_view name, const std::string& what) {
  return caf::make_error(errc::bad_config, "keyloom." + std::string{name} + ": " + what);
}

/// Reads settings below "keyloom." one after the other; keeps the first error.
class reader {
public:
  explicit reader(const caf::settings& content) : content_(content) {}

  void read(std::string_view name, std::string& into) {
    read_as<std::string>(name, into, "a text");
  }

  void read(std::string_view name, milliseconds& into) {
    caf::timespan value{};
    if (read_as(name, value, "a duration with its unit, e.g. 100ms"))
      into = duration_cast<milliseconds>(value);
  }

  void read(std::string_view name, uint32_t& into) {
    read_as<uint32_t>(name, into, "a whole number from 0 to 4294967295");
  }

  void read(std::string_view name, bool& into) { read_as<bool>(name, into, "true or false"); }

  template <class T, size_t N>
  void read(std::string_view name, T& into, const std::array<choice<T>, N>& choices) {
    std::string text;
    if (!read_as(name, text, "a text"))
      return;
    std::string names;
    for (auto& [each, value] : choices) {
      if (each == text) {
        into = value;
        return;
      }
      names += (names.empty() ? "" : ", ") + std::string{each};
    }
    note(wrong(name, "'" + text + "' is not one of " + names));
  }

  /// Properties with dots in their names arrive as nested dictionaries.
  void read_properties(std::string_view name, std::map<std::string, std::string>& into) {
    if (auto* dict = caf::get_if<caf::settings>(&content_, "keyloom." + std::string{name}))
      flatten("", *dict, into);
  }

  caf::error take_error() { return std::move(error_); }

private:
  template <class T>
  bool read_as(std::string_view name, T& into, const char* expected) {
    auto path = "keyloom." + std::string{name};
    auto* value = caf::get_if(&content_, path);
    if (value == nullptr)
      return false;
    auto converted = caf::get_as<T>(*value);
    if (!converted) {
      note(wrong(name, "'" + to_string(*value) + "' is not " + expected));
      return false;
    }
    into = std::move(*converted);
    return true;
  }

  static void flatten(const std::string& prefix, const caf::settings& from,
                      std::map<std::string, std::string>& into) {
    for (auto& [key, value] : from) {
      auto path = prefix.empty() ? std::string{key} : prefix + "." + std::string{key};
      if (auto* nested = caf::get_if<caf::settings>(&value))
        flatten(path, *nested, into);
      else
        into[path] = to_string(value);
    }
  }

  void note(caf::error problem) {
    if (!error_)
      error_ = std::move(problem);
  }

  const caf::settings& content_;
  caf::error error_;
};

} // namespace

program_config::program_config() {
  load<caf::io::middleman>(); // for remote_actor
  // Measured: throughput of stealing at the idle cost of sharing; fair between actors.
  set("caf.work-stealing.moderate-poll-attempts", 0);
  set("caf.work-stealing.relaxed-sleep-duration", caf::timespan{std::chrono::milliseconds{1}});
  set("caf.scheduler.max-throughput", 64);
  opt_group{custom_options_, "keyloom"}
    .add<std::string>("brokers,b", "bootstrap brokers, HOST:PORT[,...]")
    .add<std::string>("group,g", "consumer group")
    .add<std::string>("topic,t", "topic to read")
    .add<std::string>("output-order", "by_key, by_event or none")
    .add<std::string>("key-turns", "automatic, interleaved or serial")
    .add<std::string>("on-error", "stop, stop_source or skip")
    .add<uint32_t>("credit", "records of a partition that may be in flight")
    .add<uint32_t>("window", "records of a partition beyond its oldest one not out")
    .add<bool>("skip-headers", "read records without their headers, which is faster")
    .add<caf::settings>("kafka", "librdkafka properties, passed through");
  opt_group{custom_options_, "keyloom.chain"}
    .add<uint32_t>("limit", "held events of a key that close its chain")
    .add<caf::timespan>("time", "time after which a key's chain is closed");
  opt_group{custom_options_, "keyloom.commit"}.add<caf::timespan>("interval",
                                                                  "time between commits");
  opt_group{custom_options_, "keyloom.drain"}.add<caf::timespan>(
    "deadline", "time a revoked partition has to finish");
  opt_group{custom_options_, "keyloom.stop"}.add<caf::timespan>(
    "deadline", "time a stop waits for work in progress");
  opt_group{custom_options_, "keyloom.connect"}.add<caf::timespan>(
    "timeout", "time to wait for a broker at start");
  opt_group{custom_options_, "keyloom.log"}.add<std::string>("level",
                                                             "debug, info, warning, error or off");
}

caf::error read_settings(const caf::settings& content, source_config& into) {
  reader from{content};
  from.read("brokers", into.brokers);
  from.read("group", into.group);
  from.read("topic", into.topic);
  from.read("output-order", into.output_order, orders);
  from.read("key-turns", into.key_turns, turns);
  from.read("on-error", into.on_error, actions);
  from.read("credit", into.credit);
  from.read("window", into.window);
  from.read("skip-headers", into.skip_headers);
  from.read("chain.limit", into.chain_limit);
  from.read("chain.time", into.chain_time);
  from.read("commit.interval", into.commit_interval);
  from.read("drain.deadline", into.drain_deadline);
  from.read("stop.deadline", into.stop_deadline);
  from.read("connect.timeout", into.connect_timeout);
  from.read_properties("kafka", into.kafka);
  return from.take_error();
}

caf::error check_settings(const source_config& cfg) {
  auto number = [](std::string_view name, int64_t value, int64_t low, int64_t high,
                   const char* unit) {
    return value >= low && value <= high
             ? caf::error{}
             : wrong(name, std::to_string(value) + " is out of range: " + std::to_string(low)
                             + " to " + std::to_string(high) + unit);
  };
  constexpr int64_t any = std::numeric_limits<uint32_t>::max();
  constexpr int64_t hour = 3'600'000;
  if (cfg.group.empty())
    return wrong("group",
                 "is not set; give the consumer group's name in code or with --keyloom.group");
  if (cfg.topic.empty())
    return wrong("topic", "is not set; give the topic's name in code or with --keyloom.topic");
  if (cfg.brokers.empty())
    return wrong("brokers", "is not set; give HOST:PORT[,...] in code or with --keyloom.brokers");
  for (auto& problem : {number("credit", cfg.credit, 1, 10'000'000, " records"),
                        number("window", cfg.window, 1, any, " records"),
                        number("chain.limit", cfg.chain_limit, 1, any, " events"),
                        number("chain.time", cfg.chain_time.count(), 1, hour, " ms"),
                        number("commit.interval", cfg.commit_interval.count(), 1, hour, " ms"),
                        number("drain.deadline", cfg.drain_deadline.count(), 0, hour, " ms"),
                        number("stop.deadline", cfg.stop_deadline.count(), 0, 24 * hour, " ms"),
                        number("connect.timeout", cfg.connect_timeout.count(), 1, hour, " ms")})
    if (problem)
      return problem;
  return {};
}

} // namespace keyloom::actors
